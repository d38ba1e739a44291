"""Nonsense over real connections: the server answers with the right close code and lives on.

EARMARK_FUZZ=100000 makes it long.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from typing import Any

import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from server_process import ServerProcess
from test_codec import frames, objects
from websockets.exceptions import ConnectionClosed
from wire import HEADER, Client, greet, open_fields

FUZZ = int(os.environ.get("EARMARK_FUZZ", "300"))
# Each example sends up to this many messages on a connection of its own.
_MESSAGES = 10
CLOSE_CODES = {
    "BAD_REQUEST": 4400,
    "BAD_FRAME": 4400,
    "SEQUENCE": 4409,
    "CREDIT": 4413,
    "VERSION": 4426,
    "TOO_LARGE": 1009,
}

# Numbers near what the open stream 1 expects, so that the fuzzing gets past the first check.
near_windows = st.builds(
    lambda flags, stream, seq, count, first, payload: (
        HEADER.pack(1, 1, 2, flags, stream, seq, count, first) + payload[: 4 * count]
    ),
    st.sampled_from([0, 0, 0, 1, 2]),
    st.sampled_from([1, 1, 1, 2, 9]),
    st.integers(0, 3),
    st.sampled_from([0, 1, 4, 400]),
    st.integers(0, 100).map(float),
    st.binary(min_size=1600, max_size=1600),
)
near_controls = st.sampled_from(
    [
        {"type": "open", **open_fields(2)},
        {"type": "open", **open_fields(1)},
        {"type": "open", **open_fields(3, model="nothing")},
        {"type": "credit", "stream": 1, "bytes": 100},
        {"type": "finalize", "stream": 1},
        {"type": "finalize", "stream": 2},
        {"type": "close", "stream": 1},
        {"type": "cancel", "stream": 1},
        {"type": "ping", "id": 3},
    ]
).map(json.dumps)
# What was sent in all, for whoever runs it for long (`pytest -s`).
sent = Counter[str]()
anything = frames | objects.map(json.dumps) | st.text(max_size=100) | near_windows | near_controls


@settings(max_examples=max(1, FUZZ // _MESSAGES), suppress_health_check=list(HealthCheck))
@given(st.lists(anything, min_size=1, max_size=_MESSAGES))
def test_nonsense_gets_the_right_close_code(server: ServerProcess, nonsense: list[str | bytes]) -> None:
    client = greet(server.url)
    client.open()
    errors: list[dict[str, Any]] = []
    code = 1000
    try:
        sent["connections"] += 1
        for message in nonsense:
            client.socket.send(message)
            sent["frames" if isinstance(message, bytes) else "messages"] += 1
        client.send("ping", id=77)
        _until_pong(client, errors)
    except ConnectionClosed:
        more, code = client.close_code()
        errors += more
    fatal = [error for error in errors if "stream" not in error]
    assert len(fatal) <= 1
    assert code == (CLOSE_CODES[fatal[0]["code"]] if fatal else 1000)
    client.socket.close()
    assert "Traceback" not in server.log, server.log


def _until_pong(client: Client, errors: list[dict[str, Any]]) -> None:
    while True:
        message = client.receive()
        if isinstance(message, dict):
            if message["type"] == "error":
                errors.append(message)
            if message == message | {"type": "pong", "id": 77}:
                return


def test_the_server_lives_on(server: ServerProcess) -> None:
    print(dict(sent))
    health = web.get(f"{server.url}/health").json()
    assert health["queue"]["waiting"] == 0
    assert "Traceback" not in server.log, server.log
