"""Writes vectors.json, the messages that both languages' tests read (docs/protocol.md).

It packs the bytes itself instead of asking the server's codec, so that the file can find the codec's faults.
Run: python tests/protocol/make_vectors.py
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

HEADER = struct.Struct("<BBBBIIId")
WINDOW, FEATURES = 1, 2
S16LE, F32LE = 1, 2
KINDS = {WINDOW: "window", FEATURES: "features"}
DTYPES = {S16LE: "s16le", F32LE: "f32le"}
U32_MAX = 2**32 - 1
SAFE_MAX = 2**53 - 1

# The limits under which `refused` frames are refused.
LIMITS = {"minimumSamples": 2, "maximumSamples": 6}

MODEL: dict[str, Any] = {
    "name": "example",
    "revision": "r1",
    "dimensions": 3,
    "sampleRate": 16000,
    "minimumSamples": 400,
    "maximumSamples": 960000,
    "window": {"seconds": 1, "hopSeconds": 0.5},
    "metric": "cosine",
    "calibration": {"defaultThreshold": 0.75, "points": [[0.5, 0.01], [0.75, 0.5], [0.9, 0.99]]},
}
LIMITS_MESSAGE = {"maxMessageBytes": 4194304, "maxStreams": 64, "maxCreditBytes": 8388608, "maxConnections": 64}


def payload(dtype: int, values: list[float]) -> bytes:
    if dtype == S16LE:
        return struct.pack(f"<{len(values)}h", *(round(value * 32768) for value in values))
    return struct.pack(f"<{len(values)}f", *values)


def frame(
    values: list[float],
    *,
    kind: int = WINDOW,
    dtype: int = S16LE,
    version: int = 1,
    flags: int = 0,
    stream: int = 7,
    seq: int = 0,
    count: int | None = None,
    first_sample: float = 0,
) -> bytes:
    data = payload(dtype if dtype in DTYPES else S16LE, values)
    return (
        HEADER.pack(version, kind, dtype, flags, stream, seq, len(values) if count is None else count, first_sample)
        + data
    )


def valid_frame(name: str, values: list[float], **fields: Any) -> dict[str, Any]:
    kind, dtype = fields.get("kind", WINDOW), fields.get("dtype", S16LE)
    return {
        "name": name,
        "hex": frame(values, **fields).hex(),
        "decoded": {
            "kind": KINDS[kind],
            "dtype": DTYPES[dtype],
            "gap": fields.get("flags", 0) == 1,
            "stream": fields.get("stream", 7),
            "seq": fields.get("seq", 0),
            "count": len(values),
            "firstSample": fields.get("first_sample", 0),
            "values": values,
        },
    }


def broken_frame(name: str, kind: int, data: bytes) -> dict[str, Any]:
    """`expected` is the kind that the reader waits for: a server reads windows, a client reads features."""
    return {"name": name, "expected": KINDS[kind], "hex": data.hex(), "error": "BAD_FRAME"}


def refused_frame(name: str, error: str, data: bytes) -> dict[str, Any]:
    return {"name": name, "hex": data.hex(), "error": error}


def frames() -> dict[str, Any]:
    window = frame([0.5, -0.5, 0.25])
    vector = frame([0.6, 0.0, 0.8], kind=FEATURES, dtype=F32LE)
    nan, infinity = float("nan"), float("inf")
    return {
        "valid": [
            valid_frame("s16 window", [0.0, 0.5, -1.0, 32767 / 32768]),
            valid_frame("f32 window", [0.0, 0.5, -1.0, 1.0], dtype=F32LE),
            valid_frame("f32 window at the bound of 8", [8.0, -8.0], dtype=F32LE),
            valid_frame("window after a gap", [0.25, -0.25], flags=1, seq=3, first_sample=48000),
            valid_frame("largest stream and seq", [0.5, 0.5], stream=U32_MAX, seq=U32_MAX),
            valid_frame("largest firstSample", [0.5, 0.5], first_sample=SAFE_MAX),
            valid_frame("firstSample beyond 32 bits", [0.5, 0.5], seq=9, first_sample=2**40 + 1),
            valid_frame("features", [0.5, 0.0, -0.75], kind=FEATURES, dtype=F32LE, seq=12, first_sample=16000),
            valid_frame(
                "features after a gap", [1.0, 0.0], kind=FEATURES, dtype=F32LE, flags=1, seq=1, first_sample=8000
            ),
        ],
        "invalid": [
            broken_frame("empty", WINDOW, b""),
            broken_frame("half a header", WINDOW, window[:12]),
            broken_frame("one byte less than a header", WINDOW, window[:23]),
            broken_frame("unknown version", WINDOW, frame([0.5], version=2)),
            broken_frame("version 0", WINDOW, frame([0.5], version=0)),
            broken_frame("kind 0", WINDOW, frame([0.5], kind=0)),
            broken_frame("kind 3", WINDOW, frame([0.5], kind=3)),
            broken_frame("features sent to a server", WINDOW, vector),
            broken_frame("dtype 0", WINDOW, frame([0.5], dtype=0)),
            broken_frame("dtype 3", WINDOW, frame([0.5], dtype=3)),
            broken_frame("unknown flag", WINDOW, frame([0.5], flags=2)),
            broken_frame("known and unknown flag", WINDOW, frame([0.5], flags=0x81)),
            broken_frame("payload one sample short", WINDOW, window[:-2]),
            broken_frame("payload one byte short", WINDOW, window[:-1]),
            broken_frame("payload one byte long", WINDOW, window + b"\0"),
            broken_frame("payload one sample long", WINDOW, window + b"\0\0"),
            broken_frame("count of the other dtype", WINDOW, frame([0.5, 0.5], count=1)),
            broken_frame("count of 2^32-1 without a payload", WINDOW, frame([], count=U32_MAX)),
            broken_frame("firstSample negative", WINDOW, frame([0.5], first_sample=-1)),
            broken_frame("firstSample with a fraction", WINDOW, frame([0.5], first_sample=0.5)),
            broken_frame("firstSample of 2^53", WINDOW, frame([0.5], first_sample=2.0**53)),
            broken_frame("firstSample NaN", WINDOW, frame([0.5], first_sample=nan)),
            broken_frame("firstSample infinite", WINDOW, frame([0.5], first_sample=infinity)),
            broken_frame("window sent to a client", FEATURES, window),
            broken_frame("features as s16", FEATURES, frame([0.5, 0.5], kind=FEATURES, dtype=S16LE)),
            broken_frame("features of no dimension", FEATURES, frame([], kind=FEATURES, dtype=F32LE)),
            broken_frame("features with NaN", FEATURES, frame([nan], kind=FEATURES, dtype=F32LE)),
            broken_frame("features with infinity", FEATURES, frame([-infinity], kind=FEATURES, dtype=F32LE)),
            broken_frame("features cut off", FEATURES, vector[:-4]),
        ],
        "limits": LIMITS,
        "refused": [
            refused_frame("no sample", "TOO_SHORT", frame([])),
            refused_frame("one sample less than the model needs", "TOO_SHORT", frame([0.5])),
            refused_frame("one sample more than the model takes", "TOO_LARGE", frame([0.5] * 7)),
            refused_frame("f32 NaN", "BAD_REQUEST", frame([0.5, nan], dtype=F32LE)),
            refused_frame("f32 infinite", "BAD_REQUEST", frame([infinity, 0.5], dtype=F32LE)),
            refused_frame("f32 beyond 8", "BAD_REQUEST", frame([0.5, -8.5], dtype=F32LE)),
        ],
    }


def valid_message(name: str, message: dict[str, Any], text: str | None = None) -> dict[str, Any]:
    return {"name": name, "text": text or json.dumps(message), "message": message}


def invalid_message(name: str, message: Any, error: str) -> dict[str, Any]:
    return {"name": name, "text": message if isinstance(message, str) else json.dumps(message), "error": error}


OPEN: dict[str, Any] = {
    "type": "open",
    "stream": 7,
    "model": "example",
    "sampleRate": 16000,
    "encoding": "s16le",
    "firstSeq": 0,
    "credit": 65536,
}


def without(message: dict[str, Any], field: str) -> dict[str, Any]:
    return {key: value for key, value in message.items() if key != field}


def client_messages() -> dict[str, Any]:
    def bad(name: str, message: Any) -> dict[str, Any]:
        return invalid_message(name, message, "BAD_REQUEST")

    hello = {"type": "hello", "versions": [1], "client": "vectors"}
    return {
        "valid": [
            valid_message("hello", hello),
            valid_message("hello with a later version too", hello | {"versions": [2, 1]}),
            valid_message("unknown field", hello, json.dumps(hello | {"colour": "green", "nested": {"a": [1]}})),
            valid_message("open", OPEN),
            valid_message("open f32", OPEN | {"encoding": "f32le"}),
            valid_message("open after a reconnection", OPEN | {"firstSeq": 42}),
            valid_message("open without credit yet", OPEN | {"credit": 0}),
            valid_message("largest stream", OPEN | {"stream": U32_MAX, "firstSeq": U32_MAX}),
            valid_message("credit", {"type": "credit", "stream": 7, "bytes": 3096}),
            valid_message(
                "whole numbers written as decimals",
                {"type": "credit", "stream": 7, "bytes": 1000},
                '{"type":"credit","stream":7.0,"bytes":1e3}',
            ),
            valid_message("finalize", {"type": "finalize", "stream": 7}),
            valid_message("close", {"type": "close", "stream": 7}),
            valid_message("cancel", {"type": "cancel", "stream": 0}),
            valid_message("ping", {"type": "ping", "id": 5}),
        ],
        "invalid": [
            bad("empty text", ""),
            bad("not JSON", "hello"),
            bad("JSON cut off", '{"type":"ping","id":'),
            bad("JSON and more", '{"type":"ping","id":1} {}'),
            bad("NaN is not JSON", '{"type":"ping","id":NaN}'),
            bad("an array", "[]"),
            bad("a string", '"ping"'),
            bad("null", "null"),
            bad("no type", {"stream": 7}),
            bad("type not a string", {"type": 5}),
            bad("unknown type", {"type": "subscribe", "stream": 7}),
            bad("type of an object's own members", {"type": "constructor"}),
            bad("a server's type", {"type": "pong", "id": 1, "queued": 0, "busy": 0}),
            bad("hello without versions", without(hello, "versions")),
            bad("hello with no version", hello | {"versions": []}),
            bad("hello with versions as text", hello | {"versions": ["1"]}),
            bad("hello without client", without(hello, "client")),
            bad("hello with client of 201 characters", hello | {"client": "x" * 201}),
            invalid_message("hello without a common version", hello | {"versions": [2, 3]}, "VERSION"),
            *(bad(f"open without {field}", without(OPEN, field)) for field in OPEN if field != "type"),
            bad("open with stream as text", OPEN | {"stream": "7"}),
            bad("open with stream true", OPEN | {"stream": True}),
            bad("open with stream null", OPEN | {"stream": None}),
            bad("open with stream negative", OPEN | {"stream": -1}),
            bad("open with stream with a fraction", OPEN | {"stream": 1.5}),
            bad("open with stream of 2^32", OPEN | {"stream": 2**32}),
            bad("open with an empty model", OPEN | {"model": ""}),
            bad("open with model of 201 characters", OPEN | {"model": "m" * 201}),
            bad("open with an unknown encoding", OPEN | {"encoding": "s24le"}),
            bad("open with sampleRate 0", OPEN | {"sampleRate": 0}),
            bad("open with firstSeq of 2^32", OPEN | {"firstSeq": 2**32}),
            bad("open with negative credit", OPEN | {"credit": -1}),
            bad("credit of 0 bytes", {"type": "credit", "stream": 7, "bytes": 0}),
            bad("credit without bytes", {"type": "credit", "stream": 7}),
            bad("credit beyond 2^53", {"type": "credit", "stream": 7, "bytes": 2**53}),
            bad("finalize without stream", {"type": "finalize"}),
            bad("close without stream", {"type": "close"}),
            bad("cancel without stream", {"type": "cancel"}),
            bad("ping without id", {"type": "ping"}),
            bad("ping with id as text", {"type": "ping", "id": "1"}),
        ],
    }


def server_messages() -> dict[str, Any]:
    def bad(name: str, message: Any) -> dict[str, Any]:
        return invalid_message(name, message, "BAD_RESPONSE")

    ready = {
        "type": "ready",
        "version": 1,
        "server": "earmark-bridge 0.1.0",
        "models": [MODEL],
        "limits": LIMITS_MESSAGE,
        "heartbeatMs": 5000,
    }
    opened = {"type": "opened", "stream": 7, "model": MODEL, "credit": 4194304}
    error = {"type": "error", "code": "OVERLOADED", "message": "too many connections", "retryable": True}
    return {
        "valid": [
            valid_message("ready", ready),
            valid_message("ready with a default of which nothing is known", ready | {"default": "another"}),
            valid_message("ready without a model", ready | {"models": []}),
            valid_message("model without calibration", ready | {"models": [MODEL | {"calibration": None}]}),
            valid_message("unknown field", ready, json.dumps(ready | {"motto": "none"})),
            valid_message("opened", opened),
            valid_message("credit", {"type": "credit", "stream": 7, "bytes": 32024}),
            valid_message("finalized", {"type": "finalized", "stream": 7, "nextSeq": 12}),
            valid_message("closed", {"type": "closed", "stream": 7, "nextSeq": U32_MAX}),
            valid_message("pong", {"type": "pong", "id": 5, "queued": 3, "busy": 0.75}),
            valid_message("draining", {"type": "draining", "afterMs": 10000}),
            valid_message("error of the connection", error | {"retryAfterMs": 1000}),
            valid_message("error of a stream", error | {"code": "SAMPLE_RATE", "retryable": False, "stream": 7}),
            valid_message(
                "error of a window", error | {"code": "TOO_SHORT", "retryable": False, "stream": 7, "seq": 3}
            ),
        ],
        "invalid": [
            bad("not JSON", "<html>"),
            bad("an array", "[]"),
            bad("unknown type", {"type": "progress"}),
            bad("a client's type", {"type": "finalize", "stream": 7}),
            *(bad(f"ready without {field}", without(ready, field)) for field in ready if field != "type"),
            bad("ready with a default that is no name", ready | {"default": 7}),
            bad("ready with version 2", ready | {"version": 2}),
            bad("ready with heartbeat 0", ready | {"heartbeatMs": 0}),
            bad("ready with limits incomplete", ready | {"limits": without(LIMITS_MESSAGE, "maxCreditBytes")}),
            *(bad(f"model without {field}", ready | {"models": [without(MODEL, field)]}) for field in MODEL),
            bad("model of no dimension", ready | {"models": [MODEL | {"dimensions": 0}]}),
            bad("model with an unknown metric", ready | {"models": [MODEL | {"metric": "manhattan"}]}),
            bad("opened without credit", without(opened, "credit")),
            bad("credit of 0 bytes", {"type": "credit", "stream": 7, "bytes": 0}),
            bad("finalized without nextSeq", {"type": "finalized", "stream": 7}),
            bad("closed with nextSeq of 2^32", {"type": "closed", "stream": 7, "nextSeq": 2**32}),
            bad("pong without id", {"type": "pong", "queued": 0, "busy": 0}),
            bad("draining without afterMs", {"type": "draining"}),
            bad("error with an unknown code", error | {"code": "TEAPOT"}),
            bad("error without message", without(error, "message")),
            bad("error without retryable", without(error, "retryable")),
            bad("error with seq but no stream", error | {"seq": 3}),
        ],
    }


def vectors() -> dict[str, Any]:
    return {
        "protocol": "earmark.v1",
        "about": "Written by make_vectors.py. `valid` frames and messages decode to what is beside them, "
        "`invalid` ones to the error (a server's messages at the client: BAD_RESPONSE), "
        "`refused` windows are well-formed and answered with the error under `limits`.",
        "frames": frames(),
        "messages": {"client": client_messages(), "server": server_messages()},
    }


if __name__ == "__main__":
    path = Path(__file__).with_name("vectors.json")
    path.write_text(json.dumps(vectors(), indent=1, ensure_ascii=True) + "\n", encoding="utf-8")
    print(f"wrote {path.name}")
