"""The binary data frames of docs/protocol.md: a header of 24 bytes and a payload."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .errors import BridgeError
from .pcm import SAMPLE_BYTES, Encoding

HEADER: Final = struct.Struct("<BBBBIIId")
HEADER_BYTES: Final = HEADER.size
VERSION: Final = 1
KIND_WINDOW: Final = 1
KIND_FEATURES: Final = 2
DTYPES: Final[dict[int, Encoding]] = {1: "s16le", 2: "f32le"}
DTYPE_F32LE: Final = 2
FLAG_GAP: Final = 1
LARGEST_FIRST_SAMPLE: Final = 2**53 - 1


@dataclass(frozen=True)
class WindowFrame:
    stream: int
    seq: int
    count: int
    first_sample: int
    gap: bool
    encoding: Encoding
    payload: memoryview


def read_window(data: bytes) -> WindowFrame:
    """Reads a window frame; raises BAD_FRAME for anything that is not exactly one."""
    if len(data) < HEADER_BYTES:
        raise BridgeError("BAD_FRAME", f"a frame has {HEADER_BYTES} bytes of header, this one {len(data)} bytes in all")
    version, kind, dtype, flags, stream, seq, count, first_sample = HEADER.unpack_from(data)
    if version != VERSION:
        raise BridgeError("BAD_FRAME", f"frame version {version} is unknown; this server reads version {VERSION}")
    if kind != KIND_WINDOW:
        raise BridgeError("BAD_FRAME", f"a server reads window frames (kind {KIND_WINDOW}), not kind {kind}")
    encoding = DTYPES.get(dtype)
    if encoding is None:
        raise BridgeError("BAD_FRAME", f"dtype {dtype} is unknown; 1 is s16le, 2 is f32le")
    if flags & ~FLAG_GAP:
        raise BridgeError("BAD_FRAME", f"flags {flags:#04x} have bits that this version does not know")
    # The comparison is false for NaN and infinity too.
    if not (0 <= first_sample <= LARGEST_FIRST_SAMPLE and first_sample.is_integer()):
        raise BridgeError("BAD_FRAME", "firstSample is not a whole number from 0 to 2^53-1")
    if len(data) - HEADER_BYTES != count * SAMPLE_BYTES[encoding]:
        raise BridgeError(
            "BAD_FRAME", f"{count} samples of {encoding} do not fill a payload of {len(data) - HEADER_BYTES} bytes"
        )
    return WindowFrame(
        stream=stream,
        seq=seq,
        count=count,
        first_sample=int(first_sample),
        gap=bool(flags & FLAG_GAP),
        encoding=encoding,
        payload=memoryview(data)[HEADER_BYTES:],
    )


def features_frame_bytes(dimensions: int) -> int:
    return HEADER_BYTES + 4 * dimensions


def write_features(*, stream: int, seq: int, first_sample: int, gap: bool, features: NDArray[np.float32]) -> bytes:
    flags = FLAG_GAP if gap else 0
    header = HEADER.pack(VERSION, KIND_FEATURES, DTYPE_F32LE, flags, stream, seq, features.size, first_sample)
    return header + features.astype("<f4", copy=False).tobytes()
