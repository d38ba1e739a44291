"""The WebSocket of docs/protocol.md: one client's connection and the streams on it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections import OrderedDict
from collections.abc import Coroutine
from typing import Any, Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from . import SERVER_NAME
from .bridge import MAX_CONNECTIONS, MAX_CREDIT_BYTES, MAX_STREAMS, RETRY_AFTER_MS, Bridge
from .errors import BridgeError
from .frames import read_window
from .manifest import LARGEST_MESSAGE_BYTES
from .messages import PROTOCOL_VERSION, Cancel, Close, Credit, Finalize, Hello, Open, Ping, read_message
from .stream import Stream

_LOG = logging.getLogger("earmark")

SUBPROTOCOL: Final = "earmark.v1"
HELLO_SECONDS: Final = 5.0
# A client that takes nothing from its socket for this long is gone.
SEND_SECONDS: Final = 60.0
# Messages under way to a stream that has ended are dropped; so many ended streams are remembered.
_ENDED_REMEMBERED: Final = 4096
# Beyond this, windows wait in the socket. Credit alone would let a client pile up millions of windows of no sample.
_MOST_OUTSTANDING: Final = 4096


class Connection:
    """Reads one client's messages until something ends the connection, which `_end` notes once."""

    def __init__(self, bridge: Bridge, socket: WebSocket) -> None:
        self.bridge = bridge
        self._socket = socket
        self._streams: dict[int, Stream] = {}
        self._ended: OrderedDict[int, None] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._greeted = False
        self._receiving = False
        self._heard_at = time.monotonic()
        self._sending = 0
        self._sent_at = time.monotonic()
        # None: the client has gone; otherwise what it is told.
        self._end: asyncio.Future[BridgeError | None] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        await self._socket.accept(subprotocol=SUBPROTOCOL)
        self.bridge.metrics.connections_total += 1
        full = len(self.bridge.connections) >= MAX_CONNECTIONS
        self.bridge.connections.add(self)
        try:
            if full:
                self._finish(BridgeError("OVERLOADED", "too many connections", retry_after_ms=RETRY_AFTER_MS))
            else:
                self.spawn(self._read())
                self.spawn(self._watch())
            error = await self._end
            for stream in list(self._streams.values()):
                stream.cancel()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            if error:
                # A client that reads nothing cannot be told.
                with contextlib.suppress(asyncio.TimeoutError, WebSocketDisconnect, RuntimeError):
                    await asyncio.wait_for(self._say_goodbye(error), HELLO_SECONDS)
        finally:
            self.bridge.connections.discard(self)

    @property
    def streams(self) -> int:
        return len(self._streams)

    def drain(self, after_ms: int) -> None:
        """Tells the client, answers the windows that came, and ends the connection."""
        self.spawn(self._drain(after_ms))

    async def _drain(self, after_ms: int) -> None:
        # Before `ready` a client expects no such word; the end, which then comes at once, tells it enough.
        if self._greeted:
            await self.send({"type": "draining", "afterMs": after_ms})
        while any(stream.outstanding for stream in self._streams.values()):
            await asyncio.sleep(0.02)
        self._finish(BridgeError("DRAINING", "the server is ending; connect again", retry_after_ms=RETRY_AFTER_MS))

    def forget(self, stream: Stream) -> None:
        """The stream has ended; what is still under way to it will be dropped."""
        self._streams.pop(stream.number, None)
        self._ended[stream.number] = None
        if len(self._ended) > _ENDED_REMEMBERED:
            self._ended.popitem(last=False)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Runs `work` beside the others; whatever it raises ends the connection."""
        task = asyncio.create_task(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except WebSocketDisconnect:
            self._finish(None)
        except BridgeError as error:
            self._finish(error)
        except Exception:
            _LOG.exception("a connection failed")
            self._finish(BridgeError("INTERNAL", "a fault of the server; its log has the details"))

    def _finish(self, error: BridgeError | None) -> None:
        if not self._end.done():
            self._end.set_result(error)

    async def _say_goodbye(self, error: BridgeError) -> None:
        await self.send_error(error)
        await self._socket.close(error.close_code, error.message.encode()[:120].decode("utf-8", "ignore"))

    async def send(self, message: dict[str, Any]) -> None:
        text = json.dumps(message, separators=(",", ":"), allow_nan=False)
        await self._sent(self._socket.send_text(text))

    async def send_frame(self, frame: bytes) -> None:
        await self._sent(self._socket.send_bytes(frame))

    async def send_error(self, error: BridgeError, **where: int) -> None:
        self.bridge.metrics.errors[error.code] += 1
        await self.send({"type": "error", **error.as_dict(), **where})

    async def _sent(self, sending: Coroutine[Any, Any, None]) -> None:
        """Waits until the transport takes more, which is how a client that does not read holds the server back."""
        if self._sending == 0:
            self._sent_at = time.monotonic()
        self._sending += 1
        try:
            await sending
        except RuntimeError:
            # starlette and uvicorn call it a fault to send where the end has come but was not yet received.
            raise WebSocketDisconnect(1006) from None
        finally:
            self._sending -= 1
            self._sent_at = time.monotonic()

    async def _watch(self) -> None:
        heartbeat = self.bridge.settings.heartbeat_seconds
        while True:
            await asyncio.sleep(min(heartbeat / 2, 1.0))
            now = time.monotonic()
            if self._sending and now - self._sent_at > SEND_SECONDS:
                raise BridgeError("TIMEOUT", f"the client has read nothing for {SEND_SECONDS:g} s")
            silent = now - self._heard_at
            if self._receiving and not self._greeted and silent > HELLO_SECONDS:
                raise BridgeError("TIMEOUT", f"no `hello` came within {HELLO_SECONDS:g} s")
            if self._receiving and self._greeted and silent > 3.5 * heartbeat:
                raise BridgeError("TIMEOUT", f"nothing came for {silent:.1f} s, not even a ping")

    async def _read(self) -> None:
        while True:
            self._receiving = True
            message = await self._socket.receive()
            self._receiving = False
            self._heard_at = time.monotonic()
            if message["type"] == "websocket.disconnect":
                self._finish(None)
                return
            data = message.get("bytes")
            if data is not None:
                await self._on_frame(data)
            else:
                await self._on_message(message["text"])

    async def _on_frame(self, data: bytes) -> None:
        if not self._greeted:
            raise BridgeError("BAD_REQUEST", "a connection begins with `hello`")
        frame = read_window(data)
        stream = self._stream(frame.stream)
        if stream:
            while stream.outstanding >= _MOST_OUTSTANDING:
                await asyncio.sleep(0.01)
            stream.take(frame, len(data))

    def _stream(self, number: int) -> Stream | None:
        """The open stream of that number, None for one that has ended; raises where there was none."""
        stream = self._streams.get(number)
        if stream is None and number not in self._ended:
            raise BridgeError("BAD_REQUEST", f"stream {number} is not open")
        return stream

    async def _on_message(self, text: str) -> None:
        message = read_message(text)
        if isinstance(message, Hello):
            await self._hello()
            return
        if not self._greeted:
            raise BridgeError("BAD_REQUEST", "a connection begins with `hello`")
        if isinstance(message, Ping):
            queued, busy = self.bridge.pool.waiting, round(self.bridge.pool.busy(), 3)
            await self.send({"type": "pong", "id": message.id, "queued": queued, "busy": busy})
        elif isinstance(message, Open):
            await self._open(message)
        else:
            stream = self._stream(message.stream)
            if stream:
                await self._on_stream_message(stream, message)

    async def _hello(self) -> None:
        if self._greeted:
            raise BridgeError("BAD_REQUEST", "`hello` came twice")
        if self.bridge.draining:
            raise BridgeError("DRAINING", "the server is ending; connect again", retry_after_ms=RETRY_AFTER_MS)
        self._greeted = True
        await self.send(
            {
                "type": "ready",
                "version": PROTOCOL_VERSION,
                "server": SERVER_NAME,
                "models": [model.as_dict() for model in self.bridge.models.models()],
                "default": self.bridge.models.default,
                "limits": {
                    "maxMessageBytes": LARGEST_MESSAGE_BYTES,
                    "maxStreams": MAX_STREAMS,
                    "maxCreditBytes": MAX_CREDIT_BYTES,
                    "maxConnections": MAX_CONNECTIONS,
                },
                "heartbeatMs": round(self.bridge.settings.heartbeat_seconds * 1000),
            }
        )

    async def _open(self, message: Open) -> None:
        if message.stream in self._streams:
            raise BridgeError("BAD_REQUEST", f"stream {message.stream} is open already")
        if message.credit > MAX_CREDIT_BYTES:
            raise BridgeError("BAD_REQUEST", f"at most {MAX_CREDIT_BYTES} bytes of credit may stand")
        self._ended.pop(message.stream, None)
        try:
            self.bridge.refuse_new_work()
            if len(self._streams) >= MAX_STREAMS:
                raise BridgeError(
                    "OVERLOADED", f"a connection has at most {MAX_STREAMS} streams", retry_after_ms=RETRY_AFTER_MS
                )
        except BridgeError as error:
            self._ended[message.stream] = None
            await self.send_error(error, stream=message.stream)
        else:
            self._streams[message.stream] = Stream(self, message)

    async def _on_stream_message(self, stream: Stream, message: Credit | Finalize | Close | Cancel) -> None:
        if isinstance(message, Credit):
            stream.add_credit(message.bytes)
        elif isinstance(message, Finalize):
            stream.finalize()
        elif isinstance(message, Close):
            stream.close()
        else:
            stream.cancel()
            self.forget(stream)
            await self.send({"type": "closed", "stream": stream.number, "nextSeq": stream.next_answer})
