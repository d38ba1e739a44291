"""The WebSocket of docs/protocol.md: one `Connection` per client, one `Stream` per numbered run of windows."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections import OrderedDict
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias

from starlette.websockets import WebSocket, WebSocketDisconnect

from . import SERVER_NAME
from .bridge import MAX_CONNECTIONS, MAX_CREDIT_BYTES, MAX_STREAMS, RETRY_AFTER_MS, Bridge
from .encoder import Encoder, Vector
from .errors import BridgeError
from .frames import HEADER_BYTES, WindowFrame, features_frame_bytes, read_window, write_features
from .manifest import LARGEST_MESSAGE_BYTES, Model
from .messages import (
    PROTOCOL_VERSION,
    Cancel,
    Close,
    Credit,
    Finalize,
    Hello,
    Open,
    Ping,
    read_message,
)
from .pcm import SAMPLE_BYTES, decode

_LOG = logging.getLogger("earmark")

SUBPROTOCOL: Final = "earmark.v1"
HELLO_SECONDS: Final = 5.0
# A client that takes nothing from its socket for this long is gone.
SEND_SECONDS: Final = 60.0
# Room beside the largest window, so that small ones need not wait for its answer.
_GRANT_BEYOND_LARGEST: Final = 256 << 10
# Messages under way to a stream that has ended are dropped; so many ended streams are remembered.
_ENDED_REMEMBERED: Final = 4096
# Beyond this, windows wait in the socket. Credit alone would let a client pile up millions of windows of no sample.
_MOST_OUTSTANDING: Final = 4096


@dataclass(frozen=True)
class _Window:
    frame: WindowFrame
    size: int
    outcome: asyncio.Future[Vector] | BridgeError


@dataclass
class _Finalize:
    """`finalize`s that came directly after each other; each gets its answer."""

    times: int = 1


class _Close:
    """The stream ends when everything before this is answered."""


_Item: TypeAlias = _Window | _Finalize | _Close


class Stream:
    """Answers windows strictly in their order, each once. `take` is the reader's side, `run` the answering one."""

    def __init__(self, connection: Connection, request: Open) -> None:
        self.number = request.stream
        self._connection = connection
        self._bridge = connection.bridge
        self._request = request
        self._next_seq = request.first_seq
        self.next_answer = request.first_seq
        # Bytes that the client may still send, bytes answered but not granted again, bytes the client takes.
        self._allowed = 0
        self._owed = 0
        self._grant = 0
        self._credit = request.credit
        self._more_credit = asyncio.Event()
        self._items: asyncio.Queue[_Item] = asyncio.Queue()
        self._last_item: _Item | None = None
        self._encoder: Encoder | None = None
        self._task = connection.spawn(self._run())

    @property
    def outstanding(self) -> int:
        """Windows that came and are not answered."""
        return self._next_seq - self.next_answer

    def take(self, frame: WindowFrame, size: int) -> None:
        """A window from the client; raises what ends the connection."""
        if isinstance(self._last_item, _Close):
            raise BridgeError("BAD_REQUEST", f"a window of stream {self.number} came after its `close`")
        if size > self._allowed or self._encoder is None:
            raise BridgeError("CREDIT", f"stream {self.number}: {size} bytes were sent, {self._allowed} were granted")
        if frame.encoding != self._request.encoding:
            raise BridgeError("BAD_FRAME", f"stream {self.number} was opened with {self._request.encoding}")
        if frame.seq != self._next_seq:
            raise BridgeError("SEQUENCE", f"stream {self.number}: window {frame.seq} came instead of {self._next_seq}")
        self._allowed -= size
        self._next_seq += 1
        self._put(_Window(frame, size, self._submit(frame, self._encoder)))

    def _submit(self, frame: WindowFrame, encoder: Encoder) -> asyncio.Future[Vector] | BridgeError:
        model = encoder.model
        if frame.count > model.maximum_samples:
            return BridgeError("TOO_LARGE", f"a window has at most {model.maximum_samples} samples, not {frame.count}")
        if frame.count < model.minimum_samples:
            return BridgeError("TOO_SHORT", f"{model.name} needs {model.minimum_samples} samples, not {frame.count}")
        read = partial(decode, frame.payload, frame.encoding)
        return self._bridge.pool.submit(self, encoder, frame.count, read)

    def add_credit(self, size: int) -> None:
        if self._credit + size > MAX_CREDIT_BYTES:
            raise BridgeError("BAD_REQUEST", f"at most {MAX_CREDIT_BYTES} bytes of credit may stand")
        self._credit += size
        self._more_credit.set()

    def finalize(self) -> None:
        if isinstance(self._last_item, _Finalize):
            self._last_item.times += 1
        else:
            self._put(_Finalize())

    def close(self) -> None:
        if not isinstance(self._last_item, _Close):
            self._put(_Close())

    def cancel(self) -> None:
        """Drops all work; nothing of the stream is sent after this."""
        self._task.cancel()
        self._drop_work()

    def _drop_work(self) -> None:
        self._bridge.pool.drop(self)
        while not self._items.empty():
            item = self._items.get_nowait()
            if isinstance(item, _Window) and isinstance(item.outcome, asyncio.Future):
                item.outcome.cancel()

    def _put(self, item: _Item) -> None:
        self._last_item = item
        self._items.put_nowait(item)

    async def _run(self) -> None:
        try:
            await self._serve()
        except BridgeError as error:
            self._connection.forget(self)
            await self._connection.send_error(error, stream=self.number)
        finally:
            self._drop_work()

    async def _serve(self) -> None:
        name = self._request.model
        known = self._bridge.models.model(name)
        if known:
            self._check_rate(known)
        encoder = await self._bridge.models.lease(name)
        try:
            model = encoder.model
            self._check_rate(model)
            largest = HEADER_BYTES + model.maximum_samples * SAMPLE_BYTES[self._request.encoding]
            self._grant = largest + _GRANT_BEYOND_LARGEST
            with self._bridge.granting(self._grant):
                self._encoder = encoder
                self._allowed = self._grant
                await self._send("opened", model=model.as_dict(), credit=self._grant)
                await self._answer_all(features_frame_bytes(model.dimensions))
        finally:
            self._bridge.models.release(name)

    def _check_rate(self, model: Model) -> None:
        if self._request.sample_rate != model.sample_rate:
            raise BridgeError(
                "SAMPLE_RATE",
                f"{model.name} takes {model.sample_rate} Hz, not {self._request.sample_rate} Hz; resample first",
            )

    async def _answer_all(self, answer_bytes: int) -> None:
        while True:
            item = await self._items.get()
            if item is self._last_item and isinstance(item, _Finalize):
                # From here on a `finalize` gets its own item.
                self._last_item = None
            if isinstance(item, _Window):
                await self._answer(item, answer_bytes)
            elif isinstance(item, _Finalize):
                for _ in range(item.times):
                    await self._send("finalized", nextSeq=self.next_answer)
            else:
                self._connection.forget(self)
                await self._send("closed", nextSeq=self.next_answer)
                return

    async def _answer(self, window: _Window, answer_bytes: int) -> None:
        seq = window.frame.seq
        try:
            if isinstance(window.outcome, BridgeError):
                raise window.outcome
            features = await window.outcome
        except BridgeError as error:
            self.next_answer = seq + 1
            await self._connection.send_error(error, stream=self.number, seq=seq)
        else:
            await self._wait_for_credit(answer_bytes)
            self._credit -= answer_bytes
            self.next_answer = seq + 1
            await self._connection.send_frame(
                write_features(
                    stream=self.number,
                    seq=seq,
                    first_sample=window.frame.first_sample,
                    gap=window.frame.gap,
                    features=features,
                )
            )
        await self._grant_again(window.size)

    async def _wait_for_credit(self, size: int) -> None:
        if self._credit >= size:
            return
        began = time.monotonic()
        while self._credit < size:
            self._more_credit.clear()
            await self._more_credit.wait()
        self._bridge.metrics.credit_stalled_seconds += time.monotonic() - began

    async def _grant_again(self, size: int) -> None:
        """Gives answered bytes back, several windows at once, but all when nothing is left to answer."""
        self._owed += size
        if self._bridge.draining or (self._owed < self._grant // 4 and self.outstanding):
            return
        granted, self._owed = self._owed, 0
        self._allowed += granted
        await self._send("credit", bytes=granted)

    async def _send(self, kind: str, **fields: Any) -> None:
        await self._connection.send({"type": kind, "stream": self.number, **fields})


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
