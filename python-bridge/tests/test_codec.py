"""The protocol's messages without a connection: the shared vectors, and bytes and texts of every other kind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from earmark_bridge import messages
from earmark_bridge.errors import BridgeError
from earmark_bridge.frames import HEADER, HEADER_BYTES, read_window, write_features
from earmark_bridge.messages import read_message
from earmark_bridge.pcm import decode

PROTOCOL = Path(__file__).resolve().parents[2] / "tests" / "protocol"
VECTORS = json.loads((PROTOCOL / "vectors.json").read_text("utf-8"))
# 100,000 and more by EARMARK_FUZZ=100000.
FUZZ = int(os.environ.get("EARMARK_FUZZ", "300"))


def named(vectors: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(vector, id=vector["name"]) for vector in vectors]


def test_the_vectors_are_those_of_their_generator(tmp_path: Path) -> None:
    script = PROTOCOL / "make_vectors.py"
    copy = tmp_path / script.name
    copy.write_bytes(script.read_bytes())
    subprocess.run([sys.executable, str(copy)], check=True, capture_output=True)
    assert (tmp_path / "vectors.json").read_text("utf-8") == (PROTOCOL / "vectors.json").read_text("utf-8")


@pytest.mark.parametrize("vector", named([v for v in VECTORS["frames"]["valid"] if v["decoded"]["kind"] == "window"]))
def test_valid_windows(vector: dict[str, Any]) -> None:
    frame, decoded = read_window(bytes.fromhex(vector["hex"])), vector["decoded"]
    assert (frame.stream, frame.seq, frame.count) == (decoded["stream"], decoded["seq"], decoded["count"])
    assert (frame.first_sample, frame.gap, frame.encoding) == (decoded["firstSample"], decoded["gap"], decoded["dtype"])
    assert decode(frame.payload, frame.encoding).tolist() == decoded["values"]


@pytest.mark.parametrize("vector", named([v for v in VECTORS["frames"]["valid"] if v["decoded"]["kind"] == "features"]))
def test_features_are_written_as_the_vectors_say(vector: dict[str, Any]) -> None:
    decoded = vector["decoded"]
    written = write_features(
        stream=decoded["stream"],
        seq=decoded["seq"],
        first_sample=decoded["firstSample"],
        gap=decoded["gap"],
        features=np.array(decoded["values"], np.float32),
    )
    assert written.hex() == vector["hex"]


@pytest.mark.parametrize("vector", named([v for v in VECTORS["frames"]["invalid"] if v["expected"] == "window"]))
def test_invalid_windows(vector: dict[str, Any]) -> None:
    with pytest.raises(BridgeError) as caught:
        read_window(bytes.fromhex(vector["hex"]))
    assert caught.value.code == vector["error"]


@pytest.mark.parametrize("vector", named(VECTORS["messages"]["client"]["valid"]))
def test_valid_messages(vector: dict[str, Any]) -> None:
    message, expected = read_message(vector["text"]), vector["message"]
    assert type(message).__name__.lower() == expected["type"]
    names = {"sample_rate": "sampleRate", "first_seq": "firstSeq"}
    for field, value in vars(message).items():
        assert value == expected[names.get(field, field)]


@pytest.mark.parametrize("vector", named(VECTORS["messages"]["client"]["invalid"]))
def test_invalid_messages(vector: dict[str, Any]) -> None:
    with pytest.raises(BridgeError) as caught:
        read_message(vector["text"])
    assert caught.value.code == vector["error"]


headers = st.builds(
    HEADER.pack,
    st.sampled_from([0, 1, 1, 1, 2, 255]),
    st.sampled_from([0, 1, 1, 1, 2]),
    st.sampled_from([0, 1, 2, 2, 3]),
    st.sampled_from([0, 1, 2, 255]),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 8) | st.integers(0, 2**32 - 1),
    st.floats() | st.integers(0, 2**53).map(float),
)
frames = st.builds(bytes.__add__, headers, st.binary(max_size=40)) | st.binary(max_size=80)


@settings(max_examples=FUZZ)
@given(frames)
def test_any_bytes_are_a_window_or_a_bad_frame(data: bytes) -> None:
    try:
        frame = read_window(data)
    except BridgeError as error:
        assert error.code == "BAD_FRAME"
        return
    assert HEADER_BYTES + len(frame.payload) == len(data)
    try:
        samples = decode(frame.payload, frame.encoding)
    except BridgeError as error:
        assert error.code == "BAD_REQUEST"
        return
    assert samples.size == frame.count
    assert float(np.abs(samples).max(initial=0)) <= 8


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
fields = [
    "type",
    "stream",
    "model",
    "sampleRate",
    "encoding",
    "firstSeq",
    "credit",
    "bytes",
    "id",
    "versions",
    "client",
]
types = ["hello", "open", "credit", "finalize", "close", "cancel", "ping", "ready"]
objects = st.dictionaries(st.sampled_from(fields), json_values, max_size=11).flatmap(
    lambda found: st.sampled_from(types).map(lambda kind: {**found, "type": kind})
)


@settings(max_examples=FUZZ)
@given((objects | json_values).map(json.dumps) | st.text(max_size=200))
@example("[" * 60_000)
@example('{"type":' * 8_000)
@example('{"type":"ping","id":' + "9" * 50_000 + "}")
@example('{"type":"hello","versions":[1e400],"client":"x"}')
@example('{"type":"ping","id":1e400}')
@example('"\\ud800"')
def test_any_text_is_a_message_or_an_error(text: str) -> None:
    try:
        message = read_message(text)
    except BridgeError as error:
        assert error.code in ("BAD_REQUEST", "VERSION", "TOO_LARGE")
    else:
        assert isinstance(message, tuple(messages.ClientMessage.__args__))


@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**53 - 1),
    st.booleans(),
    st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=16),
)
def test_features_carry_what_was_written(stream: int, seq: int, first: int, gap: bool, values: list[float]) -> None:
    data = write_features(stream=stream, seq=seq, first_sample=first, gap=gap, features=np.array(values, np.float32))
    assert HEADER.unpack_from(data) == (1, 2, 2, int(gap), stream, seq, len(values), first)
    assert np.frombuffer(data[HEADER_BYTES:], "<f4").tolist() == values
