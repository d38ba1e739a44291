"""Starts Earmark's bridge: `python server.py`, then http://localhost:8000. `--help` lists the settings."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
import sys
import threading
from types import FrameType

import uvicorn

from earmark_bridge import SERVER_NAME
from earmark_bridge.app import create_app, guarded
from earmark_bridge.bridge import Bridge
from earmark_bridge.manifest import LARGEST_MESSAGE_BYTES, BundleError
from earmark_bridge.runtime import Runtime, find_runtime
from earmark_bridge.settings import Settings, SettingsError, read_settings
from earmark_bridge.uvicorn_protocols import LARGEST_HEAD_BYTES, BoundedHttp, BoundedWebSocket

_LOG = logging.getLogger("earmark")


class _Server(uvicorn.Server):
    """uvicorn, which on a first signal lets the bridge answer what is open before it closes anything."""

    def __init__(self, config: uvicorn.Config, bridge: Bridge) -> None:
        super().__init__(config)
        self._bridge = bridge
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.end()

    def end(self) -> None:
        """Drains and ends; a second call ends at once. May be called from a signal handler or another thread."""
        if self._loop is None or self._bridge.draining:
            self.should_exit = self.force_exit = True
        else:
            self._loop.call_soon_threadsafe(self._begin_drain)

    def _begin_drain(self) -> None:
        self._ending = asyncio.ensure_future(self._drain())

    async def _drain(self) -> None:
        try:
            await self._bridge.drain()
        finally:
            self.should_exit = True


def _listen(settings: Settings) -> list[socket.socket]:
    """Listening sockets: for `localhost` on both loopback addresses, as programs differ in which they try first."""
    if settings.host == "localhost":
        addresses = [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
    else:
        try:
            found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        except OSError as error:
            raise SettingsError(f"there is no address {settings.host!r} to listen on: {error.strerror}") from None
        addresses = [(found[0][0], str(found[0][4][0]))]
    sockets: list[socket.socket] = []
    port = settings.port
    for family, address in addresses:
        try:
            listener = _bind(family, address, port)
        except OSError as error:
            if sockets and error.errno != errno.EADDRINUSE:
                continue  # a machine without IPv6
            for opened in sockets:
                opened.close()
            raise SettingsError(_why_not(error, settings)) from None
        sockets.append(listener)
        port = listener.getsockname()[1]
    return sockets


def _bridge(settings: Settings, runtime: Runtime, sockets: list[socket.socket]) -> Bridge:
    try:
        return Bridge(settings, runtime)
    except BundleError:
        for opened in sockets:
            opened.close()
        raise


def _bind(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            # A restarted server need not wait for the old one's connections; a listening one still keeps the port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        # uvicorn would listen later; a second server must fail now.
        listener.listen(256)
    except BaseException:
        listener.close()
        raise
    return listener


def _why_not(error: OSError, settings: Settings) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {settings.port} on {settings.host} is taken; end the other program or set PORT to a free port"
    return f"cannot listen on {settings.host}:{settings.port}: {error.strerror}"


def _end_with_stdin(server: _Server) -> None:
    """A child whose parent was killed sees its standard input close, and must not live on with the port."""

    def wait() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 4096):
                pass
        _LOG.info("standard input was closed by the parent process")
        server.end()

    threading.Thread(target=wait, name="stdin", daemon=True).start()


def main() -> int:
    logging.basicConfig(format="earmark bridge: %(message)s", level=logging.INFO, stream=sys.stderr)
    # Its own lines would repeat ours, and its access lines hold query strings.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    # A client's fault, answered with 1007; uvicorn would let it write a traceback into the log each time.
    logging.getLogger("uvicorn.error").addFilter(lambda record: not record.getMessage().startswith("Invalid UTF-8"))
    try:
        settings = read_settings()
        sockets = _listen(settings)
        runtime = find_runtime(settings.workers, settings.threads)
        bridge = _bridge(settings, runtime, sockets)
    except (SettingsError, BundleError) as error:
        print(f"earmark bridge: {error}", file=sys.stderr)
        return 1
    _introduce(settings, bridge, sockets)
    config = uvicorn.Config(
        guarded(create_app(bridge), bridge),
        log_config=None,
        access_log=False,
        server_header=False,
        http=BoundedHttp,
        h11_max_incomplete_event_size=LARGEST_HEAD_BYTES,
        ws=BoundedWebSocket,
        ws_max_size=LARGEST_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        # The protocol has its own heartbeat, which the client leads.
        ws_ping_interval=None,
        limit_concurrency=512,
        timeout_graceful_shutdown=3,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
    )
    server = _Server(config, bridge)
    bridge.pool.when_stuck = server.end
    if settings.exit_with_stdin:
        _end_with_stdin(server)
    server.run(sockets)
    _LOG.info("ended")
    code = 1 if bridge.pool.stuck else 0
    if bridge.pool.abandoned:
        # A thread inside a run that never returns would hold up the interpreter's own ending.
        logging.shutdown()
        os._exit(code)
    return code


def _introduce(settings: Settings, bridge: Bridge, sockets: list[socket.socket]) -> None:
    scheme = "https" if settings.tls_certificate else "http"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    port = sockets[0].getsockname()[1]
    device = bridge.runtime.gpu.name if bridge.runtime.gpu else bridge.runtime.providers[0]
    _LOG.info("%s turns audio into feature vectors", SERVER_NAME)
    _LOG.info("listening on %s://%s:%d", scheme, host, port)
    _LOG.info("models from %s, default %s, computed by %s", settings.models, bridge.models.default, device)
    if settings.token:
        _LOG.info("clients need the token")
    if not settings.loopback and settings.tls_certificate is None:
        _LOG.warning("WARNING: other machines can reach this server and the connection is not encrypted; see --tls-key")


if __name__ == "__main__":
    sys.exit(main())
