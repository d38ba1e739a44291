"""The server as a process: starting, ending, hanging, and clients that do not read."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
import web
from bundle import DIMENSIONS, HANG_SAMPLE, RATE, SLOW_SAMPLE, expected, write_models
from numpy.typing import NDArray
from server_process import ServerProcess
from websockets.exceptions import ConnectionClosed
from wire import HEADER, Features, dial, greet, open_fields, window_frame

QUIET = np.full(RATE, 0.1, np.float32)


def loud(level: float, samples: int = RATE) -> NDArray[np.float32]:
    window = np.full(samples, 0.1, np.float32)
    window[0] = level
    return window


def test_a_taken_port_gives_one_clear_line(models_file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        second = ServerProcess(models_file, "--port", str(port))
        assert second.wait() == 1
        assert second.log == (
            f"earmark bridge: port {port} on 127.0.0.1 is taken; end the other program or set PORT to a free port"
        )
        second.stop()


def test_it_says_in_plain_words_what_it_does(models_file: Path) -> None:
    with ServerProcess(models_file) as server:
        for words in ("turns audio into feature vectors", "default fixture", "loading model fixture", "is ready after"):
            assert words in server.log
        server.terminate()
        assert server.wait() == 0
        assert server.lines[-1] == "earmark bridge: ended"


def test_a_default_model_that_comes_later_is_loaded(tmp_path: Path) -> None:
    models = write_models(tmp_path)
    (tmp_path / "fixture").rename(tmp_path / "disk-not-there-yet")
    server = ServerProcess(models)
    try:
        server.wait_for_line("model fixture cannot be loaded")
        (tmp_path / "disk-not-there-yet").rename(tmp_path / "fixture")
        server.wait_until_ready()
    finally:
        server.stop()


def test_it_ends_with_its_parent(models_file: Path) -> None:
    with ServerProcess(models_file, "--exit-with-stdin") as server:
        assert server.process.stdin
        server.process.stdin.close()
        assert server.wait() == 0


class TestDrain:
    def test_what_came_is_answered_then_the_connection_ends_with_1012(self, models_file: Path) -> None:
        with ServerProcess(models_file, "--drain", "60", "--workers", "1") as server:
            client = greet(server.url)
            client.open()
            windows = [loud(SLOW_SAMPLE, RATE - seq) for seq in range(3)]
            for seq, window in enumerate(windows):
                client.send_window(1, seq, window)
            assert client.features().seq == 0
            server.terminate()
            assert client.expect("draining")["afterMs"] == 60_000
            assert web.get(f"{server.url}/readyz").status_code == 503
            assert web.get(f"{server.url}/health").json()["status"] == "draining"
            client.send("open", **open_fields(2))
            refused = client.expect("error")
            assert (refused["code"], refused["stream"]) == ("DRAINING", 2)
            assert [client.features().seq for _ in range(2)] == [1, 2]
            errors, code = client.close_code()
            assert ([error["code"] for error in errors], code) == (["DRAINING"], 1012)
            assert server.wait() == 0

    def test_a_one_shot_request_is_answered(self, models_file: Path) -> None:
        with ServerProcess(models_file, "--drain", "60") as server:
            answers: list[httpx.Response] = []

            def ask() -> None:
                headers = {"content-type": "application/octet-stream"}
                query: dict[str, str | int] = {"sampleRate": RATE, "encoding": "f32le"}
                path = f"{server.url}/process/wav2vec2"
                content = loud(SLOW_SAMPLE).tobytes()
                answers.append(web.post(path, content=content, headers=headers, params=query))

            asking = threading.Thread(target=ask)
            asking.start()
            _wait_for(lambda: _metric(server, "earmark_requests ") == 1)
            server.terminate()
            asking.join(60)
            assert answers[0].status_code == 200
            assert server.wait() == 0

    def test_new_clients_are_sent_away(self, models_file: Path) -> None:
        with ServerProcess(models_file, "--drain", "60") as server:
            busy = greet(server.url)
            busy.open()
            busy.send_window(1, 0, loud(SLOW_SAMPLE + 0.3))
            server.terminate()
            busy.expect("draining")
            late = dial(server.url)
            late.send("hello", versions=[1], client="tests")
            errors, code = late.close_code()
            assert (errors[-1]["code"], errors[-1]["retryable"], code) == ("DRAINING", True, 1012)
            assert busy.features().seq == 0
            busy.socket.close()

    def test_a_client_that_has_not_greeted_yet_hears_of_the_end_only(self, models_file: Path) -> None:
        with ServerProcess(models_file, "--drain", "60") as server:
            slow = dial(server.url)
            _wait_for(lambda: _metric(server, "earmark_connections ") == 1)
            server.terminate()
            assert slow.expect("error")["code"] == "DRAINING"
            assert slow.close_code() == ([], 1012)

    def test_a_second_signal_ends_at_once(self, models_file: Path) -> None:
        with ServerProcess(models_file, "--drain", "60") as server:
            client = greet(server.url)
            client.open(credit=0)
            client.send_window(1, 0, QUIET)
            server.terminate()
            server.wait_for_line("answering what is open")
            server.process.send_signal(signal.SIGINT)
            assert server.wait() == 0
            client.socket.close()


class TestHeartbeat:
    def test_a_silent_client_is_let_go_and_a_pinging_one_stays(self, models_file: Path) -> None:
        with ServerProcess(models_file, "--heartbeat", "0.3") as server:
            silent, pinging = greet(server.url), greet(server.url)
            assert silent.ready["heartbeatMs"] == 300
            for number in range(8):
                pinging.send("ping", id=number)
                assert pinging.expect("pong")["id"] == number
                time.sleep(0.25)
            errors, code = silent.close_code()
            assert (errors[-1]["code"], errors[-1]["retryable"], code) == ("TIMEOUT", True, 4408)
            pinging.send("ping", id=99)
            assert pinging.expect("pong")["id"] == 99
            pinging.socket.close()

    def test_a_pong_tells_how_busy_the_server_is(self, models_file: Path) -> None:
        with ServerProcess(models_file, "--workers", "1") as server:
            client = greet(server.url)
            client.send("ping", id=1)
            assert client.expect("pong") == {"type": "pong", "id": 1, "queued": 0, "busy": 0.0}
            client.open()
            for seq in range(3):
                client.send_window(1, seq, loud(SLOW_SAMPLE + 0.1, RATE - seq))
            _wait_for(lambda: _metric(server, "earmark_busy_ratio") > 0.1)
            client.send("ping", id=2)
            pong = client.expect("pong")
            assert pong["queued"] == 2
            assert 0 < pong["busy"] <= 1
            assert [client.features().seq for _ in range(3)] == [0, 1, 2]
            client.socket.close()


class TestHungInference:
    def test_the_worker_is_replaced_and_the_window_fails_retryably(self, models_file: Path) -> None:
        with ServerProcess(models_file, "--workers", "1", "--hang", "0.5") as server:
            client = greet(server.url)
            client.open()
            windows = [QUIET, loud(HANG_SAMPLE, 1600), QUIET, QUIET]
            for seq, window in enumerate(windows):
                client.send_window(1, seq, window)
            answers = [client.next_answer() for _ in windows]
            assert [answer.seq for answer in answers if isinstance(answer, Features)] == [0, 2, 3]
            failed = answers[1]
            assert isinstance(failed, dict)
            assert (failed["seq"], failed["code"], failed["retryable"]) == (1, "INTERNAL", True)
            np.testing.assert_allclose(answers[3].vector, expected(QUIET), atol=1e-5)
            assert web.get(f"{server.url}/health").json()["status"] == "degraded"
            metrics = web.get(f"{server.url}/metrics").text
            assert "earmark_worker_restarts_total 1" in metrics
            assert "earmark_workers_abandoned 1" in metrics
            client.socket.close()
            server.terminate()
            # The thread that hangs does not keep the process.
            assert server.wait() == 0

    @pytest.mark.parametrize("workers", ["1", "2"])
    def test_too_many_hung_runs_end_the_process(self, models_file: Path, workers: str) -> None:
        with ServerProcess(models_file, "--workers", workers, "--hang", "0.2", "--drain", "0") as server:
            client = greet(server.url)
            client.open()
            for seq in range(5):
                client.send_window(1, seq, loud(HANG_SAMPLE, 1600 + seq))  # too different for one batch
            assert server.wait() == 1
            assert "only a new process helps" in server.log


class TestClientsThatDoNotRead:
    def test_memory_stays_flat_without_credit(self, models_file: Path) -> None:
        """The client sends as fast as it may and grants hardly anything: windows wait on its side."""
        with ServerProcess(models_file) as server:
            client = greet(server.url)
            granted = client.open(credit=HEADER.size + 4 * DIMENSIONS)["credit"]
            before = server.rss_bytes()
            frame = len(window_frame(1, 0, QUIET))
            for seq in range(granted // frame):
                client.send_window(1, seq, QUIET)
            client.features()
            client.send("ping", id=1)
            client.expect("pong")
            assert server.rss_bytes() - before < granted + (32 << 20)
            client.socket.close()

    def test_memory_stays_flat_when_the_socket_is_not_read(self, models_file: Path) -> None:
        """Answers five times as long as the windows, to a client that never reads: the server must stop answering."""
        with ServerProcess(models_file) as server:
            client = greet(server.url)
            deaf = _deaf_connection(server.url)
            deaf.sendall(_masked(json.dumps({"type": "open", **open_fields(1)}).encode()))
            _wait_for(lambda: _metric(server, "earmark_streams ") == 1)
            before = server.rss_bytes()
            windows = client.open()["credit"] // HEADER.size
            deaf.settimeout(1.0)
            with contextlib.suppress(TimeoutError):
                for start in range(0, windows, 1000):
                    empty = np.zeros(0, np.float32)
                    frames = (window_frame(1, seq, empty) for seq in range(start, min(start + 1000, windows)))
                    deaf.sendall(b"".join(_masked(frame, binary=True) for frame in frames))

            def answered() -> float:
                return _metric(server, 'earmark_errors_total{code="TOO_SHORT"}')

            past = -1.0
            while answered() != past:
                past = answered()
                time.sleep(0.3)
            assert 0 < past < windows / 2
            assert server.rss_bytes() - before < 20 << 20
            # Nobody else is held up.
            client.send_window(1, 0, QUIET)
            client.features()
            deaf.close()
            client.socket.close()

    def test_memory_stays_flat_under_pings(self, models_file: Path) -> None:
        with ServerProcess(models_file) as server:
            deaf = _deaf_connection(server.url)
            before = server.rss_bytes()
            deaf.sendall((b"\x89\xfd\0\0\0\0" + b"p" * 125) * 400_000)
            assert server.rss_bytes() - before < 20 << 20
            deaf.close()

    def test_a_message_in_endless_pieces(self, models_file: Path) -> None:
        with ServerProcess(models_file) as server:
            client = greet(server.url)
            with contextlib.suppress(ConnectionClosed):
                client.socket.send(b"" for _ in range(5000))
            errors, code = client.close_code()
            assert (errors, code) == ([], 1009)
            assert "Traceback" not in server.log


def _metric(server: ServerProcess, name: str) -> float:
    lines = web.get(f"{server.url}/metrics").text.splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _deaf_connection(url: str) -> socket.socket:
    """A WebSocket connection after its `hello`, with a small receive buffer that nobody reads."""
    host, port = url.removeprefix("http://").split(":")
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.connect((host, int(port)))
    deaf.sendall(
        f"GET /v1/stream HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: earmark.v1\r\n\r\n".encode()
    )
    response = http.client.HTTPResponse(deaf)
    response.begin()
    assert response.status == 101
    deaf.sendall(_masked(b'{"type":"hello","versions":[1],"client":"deaf"}'))
    return deaf


def _masked(content: bytes, *, binary: bool = False) -> bytes:
    length = bytes([0x80 | len(content)]) if len(content) < 126 else b"\xfe" + len(content).to_bytes(2, "big")
    return (b"\x82" if binary else b"\x81") + length + b"\0\0\0\0" + content
