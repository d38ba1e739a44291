"""uvicorn's HTTP and WebSocket, bounded where uvicorn would wait for ever or keep any number of things."""

from __future__ import annotations

import asyncio
import json
from typing import Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from .errors import BridgeError

# From the connection, or from the first byte of a later request, until the last header; and for the rest of a body that
# nobody reads any more.
HEAD_SECONDS: Final = 10.0
# h11 counts them before it keeps them; httptools, uvicorn's own choice where it is installed, keeps any number.
LARGEST_HEAD_BYTES: Final = 64 << 10
# A limit of bytes alone lets a message of a few bytes each, or of none, fill the memory with its pieces.
MOST_FRAGMENTS: Final = 1024


class BoundedHttp(H11Protocol):
    """Lets go of a client that does not finish the head of its request, or the body of one that was answered before it,
    as a refused one is; uvicorn would hold its connection for ever."""

    _give_up: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # Idle also between two requests, where uvicorn's own keep-alive ends the connection before a byte has come.
        if self.conn.their_state is h11.IDLE:
            self._watch()
        elif not self._is_unread:
            self._unwatch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._is_unread:
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unwatch()

    @property
    def _is_unread(self) -> bool:
        """Whether a body still comes whose request is answered."""
        if self.conn.their_state is not h11.SEND_BODY or self.transport.get_protocol() is not self:
            return False
        return self.cycle is not None and self.cycle.response_complete

    def _watch(self) -> None:
        if self._give_up is None:
            self._give_up = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _unwatch(self) -> None:
        if self._give_up:
            self._give_up.cancel()
            self._give_up = None


class BoundedWebSocket(WebSocketsSansIOProtocol):
    """Takes no message in endless pieces, piles up no pongs, and lets go of a client whose upgrade cannot be read."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # The head comes whole. One with a body, or more or longer lines than websockets reads, has no other answer.
        problem = self.conn.handshake_exc
        if problem is not None and not self.handshake_initiated:
            error = BridgeError("BAD_REQUEST", f"the upgrade cannot be read: {problem.__cause__ or problem}")
            body = json.dumps(error.as_body("/v1/stream")).encode()
            head = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: application/json\r\n"
            self.transport.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            self.transport.close()

    def handle_cont(self, event: Frame) -> None:
        if self.close_sent:
            return
        if len(self.frames) >= MOST_FRAGMENTS:
            self._refuse(1009, f"a message has at most {MOST_FRAGMENTS} fragments")
            return
        super().handle_cont(event)

    def _refuse(self, code: int, reason: str) -> None:
        """Closes, and drops what still comes until the client has closed too: an end with unread bytes resets the
        connection, and then the client never learns why."""
        self.frames.clear()
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)

    def handle_ping(self) -> None:
        if self.writable.is_set():
            super().handle_ping()
        else:
            # The client reads nothing. A pong may be left out (RFC 6455, 5.5.3).
            self.conn.data_to_send()
