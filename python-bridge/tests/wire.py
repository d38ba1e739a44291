"""A client for the tests: it packs and reads the protocol's bytes by itself, and keeps what it is told."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

HEADER = struct.Struct("<BBBBIIId")
SUBPROTOCOL = "earmark.v1"


def window_frame(
    stream: int,
    seq: int,
    samples: NDArray[np.float32],
    *,
    encoding: str = "f32le",
    first_sample: float = 0,
    gap: bool = False,
) -> bytes:
    if encoding == "s16le":
        payload = np.round(samples * 32768).clip(-32768, 32767).astype("<i2").tobytes()
    else:
        payload = samples.astype("<f4").tobytes()
    dtype = 1 if encoding == "s16le" else 2
    return HEADER.pack(1, 1, dtype, int(gap), stream, seq, samples.size, first_sample) + payload


@dataclass(frozen=True)
class Features:
    stream: int
    seq: int
    first_sample: float
    gap: bool
    vector: NDArray[np.float32]


def read_features(data: bytes) -> Features:
    version, kind, dtype, flags, stream, seq, count, first_sample = HEADER.unpack_from(data)
    assert (version, kind, dtype) == (1, 2, 2)
    assert len(data) == HEADER.size + 4 * count
    return Features(stream, seq, first_sample, bool(flags & 1), np.frombuffer(data[HEADER.size :], "<f4"))


@dataclass
class Client:
    socket: ClientConnection
    ready: dict[str, Any] = field(default_factory=dict)

    def send(self, kind: str, **fields: Any) -> None:
        self.socket.send(json.dumps({"type": kind, **fields}))

    def send_window(self, stream: int, seq: int, samples: NDArray[np.float32], **options: Any) -> None:
        self.socket.send(window_frame(stream, seq, samples, **options))

    def receive(self, timeout: float = 60) -> dict[str, Any] | Features:
        data = self.socket.recv(timeout)
        return json.loads(data) if isinstance(data, str) else read_features(data)

    def expect(self, kind: str, timeout: float = 60) -> dict[str, Any]:
        """The next control message but `credit`, which may come at any time."""
        while True:
            message = self.receive(timeout)
            assert isinstance(message, dict), message
            if message["type"] != "credit" or kind == "credit":
                assert message["type"] == kind, message
                return message

    def next_answer(self, timeout: float = 60) -> Features | dict[str, Any]:
        """The next feature vector or error."""
        while True:
            message = self.receive(timeout)
            if isinstance(message, Features) or message["type"] == "error":
                return message
            assert message["type"] == "credit", message

    def features(self, timeout: float = 60) -> Features:
        answer = self.next_answer(timeout)
        assert isinstance(answer, Features), answer
        return answer

    def open(self, stream: int = 1, *, model: str = "fixture", credit: int = 1 << 20, **fields: Any) -> dict[str, Any]:
        self.send("open", **open_fields(stream, model=model, credit=credit) | fields)
        return self.expect("opened")

    def close_code(self, timeout: float = 60) -> tuple[list[dict[str, Any]], int]:
        """The errors that come until the server closes, and the close code."""
        errors = []
        try:
            while True:
                message = self.receive(timeout)
                if isinstance(message, dict) and message["type"] == "error":
                    errors.append(message)
        except ConnectionClosed as closed:
            if closed.rcvd is None:
                raise  # the connection broke without a close frame
            self.socket.close()
            return errors, closed.rcvd.code


def open_fields(stream: int, *, model: str = "fixture", credit: int = 1 << 20) -> dict[str, Any]:
    return {
        "stream": stream,
        "model": model,
        "sampleRate": 16000,
        "encoding": "f32le",
        "firstSeq": 0,
        "credit": credit,
    }


def dial(url: str, *, headers: dict[str, str] | None = None, subprotocols: list[str] | None = None) -> Client:
    """A connection without its `hello`. `url` is the server's http address."""
    socket = connect(
        url.replace("http", "ws", 1) + "/v1/stream",
        subprotocols=([SUBPROTOCOL] if subprotocols is None else subprotocols) or None,  # type: ignore[arg-type]
        additional_headers=headers,
        compression=None,
        ping_interval=None,
        max_size=8 << 20,
        open_timeout=60,
        close_timeout=2,
        legacy=True,
    )
    return Client(socket)


def greet(url: str, **options: Any) -> Client:
    client = dial(url, **options)
    client.send("hello", versions=[1], client="tests")
    client.ready = client.expect("ready")
    return client
