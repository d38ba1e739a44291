"""A strict WAV reader: PCM of 8, 16, 24 and 32 bits, floats of 32 and 64 bits, plain and extensible headers."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

import numpy as np

from .errors import BridgeError
from .pcm import Samples, checked

_PCM: Final = 1
_FLOAT: Final = 3
_EXTENSIBLE: Final = 0xFFFE
# The tail that every extensible subformat of a classic format tag shares.
_SUBFORMAT_TAIL: Final = bytes.fromhex("000000001000800000aa00389b71")
_MOST_CHANNELS: Final = 64
_HIGHEST_RATE: Final = 384_000
# Recorders that write to a pipe cannot know the length and leave about 2 GiB or more there.
_LENGTH_UNKNOWN_FROM: Final = 0x7FFF0000


@dataclass(frozen=True)
class Wav:
    samples: Samples
    sample_rate: int


@dataclass(frozen=True)
class _Format:
    tag: int
    channels: int
    sample_rate: int
    bits: int


def _refuse(reason: str) -> BridgeError:
    return BridgeError("BAD_REQUEST", f"this WAV cannot be read: {reason}")


def _read_format(chunk: memoryview) -> _Format:
    if len(chunk) < 16:
        raise _refuse("its format chunk is cut off")
    tag, channels, sample_rate, _, frame_bytes, bits = struct.unpack_from("<HHIIHH", chunk)
    if tag == _EXTENSIBLE:
        if len(chunk) < 40 or bytes(chunk[26:40]) != _SUBFORMAT_TAIL:
            raise _refuse("its extensible format is none that is known")
        (tag,) = struct.unpack_from("<H", chunk, 24)
    if (tag, bits) not in {(_PCM, 8), (_PCM, 16), (_PCM, 24), (_PCM, 32), (_FLOAT, 32), (_FLOAT, 64)}:
        raise _refuse(f"format {tag} with {bits} bits; PCM of 8, 16, 24, 32 bits and float of 32, 64 bits are read")
    possible = 1 <= channels <= _MOST_CHANNELS and 1 <= sample_rate <= _HIGHEST_RATE
    if not possible or frame_bytes != channels * bits // 8:
        raise _refuse(f"{channels} channels at {sample_rate} Hz in frames of {frame_bytes} bytes do not fit together")
    return _Format(tag, channels, sample_rate, bits)


def _decode(data: memoryview, form: _Format) -> Samples:
    if form.tag == _FLOAT:
        # What overflows float32 becomes infinite, which `checked` refuses.
        with np.errstate(over="ignore"):
            return np.frombuffer(data, f"<f{form.bits // 8}").astype(np.float32)
    if form.bits == 8:
        return (np.frombuffer(data, np.uint8).astype(np.float32) - 128) / np.float32(128)
    if form.bits == 16:
        return np.frombuffer(data, "<i2").astype(np.float32) / np.float32(2**15)
    if form.bits == 24:
        # Three bytes become the upper three of an int32, which keeps the sign.
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return (wide.view("<i4")[:, 0] / 2**31).astype(np.float32)
    return (np.frombuffer(data, "<i4") / 2**31).astype(np.float32)


def read_wav(content: bytes) -> Wav:
    """The mono samples (channels averaged) of a WAV file; raises BAD_REQUEST for anything it cannot be sure of."""
    view = memoryview(content)
    if len(view) < 12 or bytes(view[:4]) != b"RIFF" or bytes(view[8:12]) != b"WAVE":
        raise _refuse("it does not begin with RIFF … WAVE")
    form: _Format | None = None
    offset = 12
    while offset + 8 <= len(view):
        name = bytes(view[offset : offset + 4])
        (length,) = struct.unpack_from("<I", view, offset + 4)
        start = offset + 8
        if name == b"data":
            if form is None:
                raise _refuse("its data comes before its format")
            available = len(view) - start
            if length >= _LENGTH_UNKNOWN_FROM:
                length = min(length, available)
            if length > available:
                raise _refuse(f"it promises {length} bytes of audio and holds {available}")
            return _mono(view[start : start + length], form)
        if start + length > len(view):
            raise _refuse(f"its chunk {name!r} is cut off")
        if name == b"fmt ":
            form = _read_format(view[start : start + length])
        offset = start + length + (length & 1)
    raise _refuse("it has no audio data")


def _mono(data: memoryview, form: _Format) -> Wav:
    frame_bytes = form.channels * form.bits // 8
    frames = len(data) // frame_bytes
    if frames == 0:
        raise _refuse("it has no audio data")
    samples = _decode(data[: frames * frame_bytes], form)
    if form.channels > 1:
        samples = samples.reshape(frames, form.channels).mean(axis=1, dtype=np.float32)
    return Wav(checked(samples), form.sample_rate)
