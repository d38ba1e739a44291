"""The WAV reader: every format that it promises, and no surprise for anything else."""

from __future__ import annotations

import csv
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from earmark_bridge.errors import BridgeError
from earmark_bridge.wav import read_wav

SIGNAL = np.sin(np.linspace(0, 30, 500)) * 0.7
SUBFORMAT = bytes.fromhex("000000001000800000aa00389b71")


def pack(signal: NDArray[np.float64], tag: int, bits: int) -> bytes:
    if tag == 3:
        return signal.astype(f"<f{bits // 8}").tobytes()
    if bits == 8:
        return np.round(signal * 127 + 128).astype(np.uint8).tobytes()
    integers = np.round(signal * (2 ** (bits - 1) - 1)).astype("<i8").tobytes()
    return np.frombuffer(integers, np.uint8).reshape(-1, 8)[:, : bits // 8].tobytes()


def chunk(name: bytes, content: bytes, length: int | None = None) -> bytes:
    return name + struct.pack("<I", len(content) if length is None else length) + content + b"\0" * (len(content) & 1)


def wav(
    data: bytes,
    *,
    tag: int = 1,
    bits: int = 16,
    channels: int = 1,
    rate: int = 16000,
    extensible: bool = False,
    before: bytes = b"",
    data_length: int | None = None,
    frame_bytes: int | None = None,
) -> bytes:
    frame = channels * bits // 8 if frame_bytes is None else frame_bytes
    form = struct.pack("<HHIIHH", 0xFFFE if extensible else tag, channels, rate, rate * frame, frame, bits)
    if extensible:
        form += struct.pack("<HHIH", 22, bits, 0, tag) + SUBFORMAT
    body = b"WAVE" + chunk(b"fmt ", form) + before + chunk(b"data", data, data_length)
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("extensible", [False, True])
@pytest.mark.parametrize(
    ("tag", "bits", "tolerance"),
    [(1, 8, 2e-2), (1, 16, 1e-4), (1, 24, 1e-6), (1, 32, 1e-6), (3, 32, 1e-7), (3, 64, 1e-7)],
)
def test_formats(tag: int, bits: int, tolerance: float, extensible: bool) -> None:
    read = read_wav(wav(pack(SIGNAL, tag, bits), tag=tag, bits=bits, extensible=extensible))
    assert read.sample_rate == 16000
    assert read.samples.dtype == np.float32
    np.testing.assert_allclose(read.samples, SIGNAL, atol=tolerance)


def test_full_scale_stays_within_one() -> None:
    data = struct.pack("<4h", -32768, 32767, 0, -1)
    np.testing.assert_array_equal(read_wav(wav(data)).samples * 32768, [-32768, 32767, 0, -1])
    extremes = bytes.fromhex("000080ffff7f000000ffffff")
    np.testing.assert_allclose(
        read_wav(wav(extremes, bits=24)).samples * 2**23, [-(2**23), 2**23 - 1, 0, -1], rtol=1e-6
    )


def test_channels_are_averaged() -> None:
    stereo = np.stack([SIGNAL, -SIGNAL / 2], axis=1).ravel()
    read = read_wav(wav(pack(stereo, 3, 32), tag=3, bits=32, channels=2)).samples
    np.testing.assert_allclose(read, SIGNAL / 4, atol=1e-6)


def test_other_chunks_odd_lengths_and_a_trailing_list() -> None:
    content = wav(pack(SIGNAL, 1, 16), before=chunk(b"LIST", b"abc") + chunk(b"bext", b"")) + chunk(b"id3 ", b"xy")
    assert read_wav(content).samples.size == SIGNAL.size


@pytest.mark.parametrize("length", [0xFFFFFFFF, 0x7FFFFFFF, 0x80000000])
def test_a_recorder_that_wrote_to_a_pipe(length: int) -> None:
    assert read_wav(wav(pack(SIGNAL, 1, 16), data_length=length)).samples.size == SIGNAL.size


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"RIFF",
        b"RIFX" + wav(b"\0\0")[4:],
        wav(b""),
        wav(b"\0\0", channels=0),
        wav(b"\0\0", channels=65),
        wav(b"\0\0", rate=0),
        wav(b"\0\0", bits=12),
        wav(b"\0\0", tag=2),
        wav(b"\0\0", tag=3, bits=16),
        wav(b"\0\0", frame_bytes=3),
        wav(b"\0\0\0", channels=2),
        wav(b"\0\0", data_length=100),
        wav(b"\0\0")[:30],
        wav(pack(np.array([np.nan]), 3, 32), tag=3, bits=32),
        wav(pack(np.array([9.0]), 3, 32), tag=3, bits=32),
        wav(pack(np.array([1e300]), 3, 64), tag=3, bits=64),
        wav(b"\0\0", extensible=True).replace(SUBFORMAT, b"\1" * 14),
        b"RIFF\x10\0\0\0WAVE" + chunk(b"data", b"\0\0"),
        b"RIFF\x10\0\0\0WAVE" + chunk(b"fmt ", b"\0" * 8),
    ],
)
def test_what_is_refused(content: bytes) -> None:
    with pytest.raises(BridgeError) as caught:
        read_wav(content)
    assert caught.value.code == "BAD_REQUEST"


@given(
    st.binary(max_size=300)
    | st.binary(max_size=200).map(lambda data: wav(data)[: 44 + len(data) // 2])
    | st.tuples(st.integers(0, 43), st.binary(min_size=1, max_size=4)).map(
        lambda change: (w := wav(b"\1\2\3\4" * 20))[: change[0]] + change[1] + w[change[0] + len(change[1]) :]
    )
)
def test_any_bytes_are_audio_or_refused(content: bytes) -> None:
    try:
        read = read_wav(content)
    except BridgeError as error:
        assert error.code == "BAD_REQUEST"
    else:
        assert 0 < read.samples.size <= len(content)
        assert np.isfinite(read.samples).all()


ROBUST = Path(__file__).resolve().parents[2].parent / "shared" / "audio" / "robust"


@pytest.mark.skipif(not ROBUST.is_dir(), reason="../shared/audio/robust is not on this machine")
def test_odd_and_malformed_files() -> None:
    with (ROBUST / "manifest.csv").open(encoding="utf-8") as manifest:
        rows = [row for row in csv.DictReader(manifest) if row["file"].endswith(".wav")]
    read = 0
    for row in rows:
        try:
            samples = read_wav((ROBUST / row["file"]).read_bytes()).samples
        except BridgeError as error:
            assert error.code == "BAD_REQUEST"
        else:
            read += 1
            assert row["expect"] in ("decode", "either"), row
            assert abs(samples.size - int(row["ffmpeg_samples"])) <= 1, row
    assert read >= 25
