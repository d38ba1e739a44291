"""Who is let in: Host, Origin, token, and what the server refuses to start as."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import web
from server_process import ServerProcess
from websockets.exceptions import InvalidStatus
from wire import dial, greet

from earmark_bridge.settings import read_settings
from earmark_bridge.uvicorn_protocols import HEAD_SECONDS
from server import main

TOKEN = "a-token-that-must-not-show"


@pytest.fixture(scope="module")
def guarded(models_file: Path) -> Iterator[ServerProcess]:
    arguments = ["--allow-host", "bridge.example", "--allow-origin", "https://red.example"]
    with ServerProcess(models_file, *arguments, token=TOKEN) as running:
        yield running


def _drip(connection: socket.socket, *, seconds: float) -> None:
    for _ in range(int(2 * seconds)):
        connection.sendall(b"x")
        time.sleep(0.5)


def upgrade_status(url: str, **headers: str) -> int:
    try:
        dial(url, headers={name.replace("_", "-"): value for name, value in headers.items()}).socket.close()
    except InvalidStatus as refused:
        return refused.response.status_code
    return 101


class TestHostAndOrigin:
    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST", "127.1.2.3"])
    def test_loopback_hosts(self, url: str, host: str) -> None:
        assert web.get(f"{url}/livez", headers={"host": host}).status_code == 200

    @pytest.mark.parametrize(
        "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "a@localhost", "10.0.0.1"]
    )
    def test_other_hosts(self, url: str, host: str) -> None:
        answer = web.get(f"{url}/livez", headers={"host": host})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "FORBIDDEN_ORIGIN")

    @pytest.mark.parametrize("origin", ["http://localhost:1880", "https://127.0.0.1", "http://[::1]:1880"])
    def test_loopback_origins(self, url: str, origin: str) -> None:
        assert web.get(f"{url}/health", headers={"origin": origin}).status_code == 200
        assert upgrade_status(url, origin=origin) == 101

    @pytest.mark.parametrize(
        "origin",
        [
            "https://evil.example",
            "null",
            "",
            "http://localhost.evil.example",
            "file://localhost",
            "http://[::",
            "http://a@localhost",
        ],
    )
    def test_other_origins(self, url: str, origin: str) -> None:
        answer = web.post(f"{url}/models/load", json={"name": "fixture"}, headers={"origin": origin})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "FORBIDDEN_ORIGIN")
        assert upgrade_status(url, origin=origin) == 403

    def test_the_allow_lists(self, guarded: ServerProcess) -> None:
        auth = {"authorization": f"Bearer {TOKEN}"}
        for name, value, status in [
            ("host", "bridge.example", 200),
            ("host", "other.example", 403),
            ("origin", "https://red.example", 200),
            ("origin", "http://red.example", 403),
        ]:
            assert web.get(f"{guarded.url}/health", headers=auth | {name: value}).status_code == status

    def test_there_is_no_cors(self, url: str) -> None:
        asked = {"origin": "http://localhost:1880", "access-control-request-method": "POST"}
        for answer in (web.get(f"{url}/health", headers=asked), httpx.options(f"{url}/health", headers=asked)):
            assert not [name for name in answer.headers if name.startswith("access-control")]


class TestToken:
    def test_without_or_with_another_token(self, guarded: ServerProcess) -> None:
        for given in (None, "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer", f"bearer {TOKEN[:-1]}"):
            headers = {"authorization": given} if given else {}
            answer = web.get(f"{guarded.url}/health", headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "UNAUTHENTICATED")
            assert upgrade_status(guarded.url, **headers) == 401

    def test_the_open_inference_protocol_is_told_in_its_own_words(self, guarded: ServerProcess) -> None:
        answer = web.get(f"{guarded.url}/v2/models/fixture")
        assert answer.status_code == 401
        assert answer.json()["error"].startswith("UNAUTHENTICATED: ")

    def test_a_token_in_the_url_does_not_count(self, guarded: ServerProcess) -> None:
        assert web.get(f"{guarded.url}/health", params={"token": TOKEN}).status_code == 401

    def test_with_the_token(self, guarded: ServerProcess) -> None:
        headers = {"authorization": f"Bearer {TOKEN}"}
        assert web.get(f"{guarded.url}/health", headers=headers).status_code == 200
        greet(guarded.url, headers=headers).socket.close()

    def test_a_body_that_never_ends_holds_no_connection(self, guarded: ServerProcess) -> None:
        head = b"POST /models/load HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"
        with socket.create_connection(("127.0.0.1", int(guarded.url.rsplit(":", 1)[1]))) as drip:
            drip.sendall(head)
            assert b" 401 " in drip.recv(4096)
            began = time.monotonic()
            with pytest.raises(ConnectionError):
                _drip(drip, seconds=3 * HEAD_SECONDS)
            assert time.monotonic() - began > HEAD_SECONDS - 1

    def test_probes_need_none(self, guarded: ServerProcess) -> None:
        for path in ("/livez", "/readyz", "/v2/health/live", "/v2/health/ready"):
            assert web.get(guarded.url + path).status_code == 200

    def test_the_log_does_not_hold_it(self, guarded: ServerProcess) -> None:
        web.get(f"{guarded.url}/health", params={"token": TOKEN}, headers={"authorization": f"Bearer {TOKEN}"})
        assert TOKEN not in guarded.log
        assert "clients need the token" in guarded.log


class TestUpgrade:
    @pytest.mark.parametrize("subprotocols", [[], ["earmark.v0"], ["audio-memory.v1"]])
    def test_another_subprotocol(self, url: str, subprotocols: list[str]) -> None:
        with pytest.raises(InvalidStatus) as refused:
            dial(url, subprotocols=subprotocols)
        assert refused.value.response.status_code == 426

    def test_no_upgrade_at_all(self, url: str) -> None:
        answer = web.get(f"{url}/v1/stream")
        assert (answer.status_code, answer.json()["error"]["code"]) == (426, "VERSION")

    @pytest.mark.parametrize("more", [b"Content-Length: 5\r\n", b"X: " + b"x" * 20_000 + b"\r\n", b"X: 1\r\n" * 300])
    def test_a_head_that_is_no_upgrade_is_answered(self, url: str, more: bytes) -> None:
        head = (
            b"GET /v1/stream HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        )
        with socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])), timeout=60) as client:
            client.sendall(head + more + b"\r\n")
            with client.makefile("rb") as answer:
                assert b"HTTP/1.1 400 " in answer.read()

    def test_no_compression(self, url: str) -> None:
        client = dial(url)
        assert client.socket.protocol.extensions == []
        client.socket.close()


class TestStart:
    """`main` itself, which ends before it listens to anything."""

    @pytest.fixture
    def start(
        self, models_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> Callable[..., str]:
        for variable in ("HOST", "PORT", "EARMARK_TOKEN"):
            monkeypatch.delenv(variable, raising=False)

        def run(*arguments: str) -> str:
            monkeypatch.setattr("sys.argv", ["server.py", "--port", "0", "--models", str(models_file), *arguments])
            assert main() == 1
            said = capsys.readouterr().err
            assert said.startswith("earmark bridge: ")
            assert len(said.splitlines()) == 1
            return said

        return run

    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
    def test_other_machines_need_a_token(self, start: Callable[..., str], host: str) -> None:
        said = start("--host", host)
        assert f"{host} can be reached from other machines, so the server wants a token" in said

    def test_one_clear_line_for_each_mistake(self, start: Callable[..., str], tmp_path: Path) -> None:
        broken = tmp_path / "models.json"
        broken.write_text('{"default": "a", "models": {}}', "utf-8")
        for arguments, words in [
            (["--models", str(tmp_path / "nowhere.json")], "nowhere.json cannot be read"),
            (["--models", str(broken)], "'a' is not among its models"),
            (["--token-file", str(tmp_path / "none")], "cannot be read"),
            (["--tls-key", "key.pem"], "TLS needs both"),
            (["--tls-certificate", "no.pem", "--tls-key", "no.pem"], "no.pem is not possible: No such file"),
            (["--tls-certificate", __file__, "--tls-key", __file__], "both must be PEM files"),
            (["--host", "no.such.host.invalid"], "token"),
        ]:
            assert words in start(*arguments)

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
    def test_a_token_file_of_any_editor(self, tmp_path: Path, encoding: str) -> None:
        file = tmp_path / "token"
        file.write_text(f"{TOKEN}\r\n", encoding)
        assert read_settings(["--token-file", str(file)]).token == TOKEN

    def test_other_machines_without_tls_are_warned_of(self, models_file: Path) -> None:
        with ServerProcess(models_file, host="0.0.0.0", token=TOKEN) as server:
            assert server.wait_for_line("WARNING: .* not encrypted")
