"""One stream of docs/protocol.md: windows come in by number, answers leave in the same order, each once."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from .bridge import MAX_CREDIT_BYTES
from .encoder import Encoder, Vector
from .errors import BridgeError
from .frames import HEADER_BYTES, WindowFrame, features_frame_bytes, write_features
from .manifest import Model
from .messages import Open
from .pcm import SAMPLE_BYTES, decode

if TYPE_CHECKING:
    from .connection import Connection

# Room beside the largest window: what is answered is granted again once it exceeds this, so several windows at once,
# and the largest one fits whenever nothing is left to answer.
_GRANT_BEYOND_LARGEST: Final = 256 << 10

# After the last number of 32 bits comes 0 again.
_SEQS: Final = 1 << 32


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
        self._credit = request.credit
        self._more_credit = asyncio.Event()
        self._items: asyncio.Queue[_Item] = asyncio.Queue()
        self._last_item: _Item | None = None
        self._encoder: Encoder | None = None
        self._task = connection.spawn(self._run())

    @property
    def outstanding(self) -> int:
        """Windows that came and are not answered."""
        return (self._next_seq - self.next_answer) % _SEQS

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
        self._next_seq = (self._next_seq + 1) % _SEQS
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
            granted = largest + _GRANT_BEYOND_LARGEST
            with self._bridge.granting(granted):
                self._encoder = encoder
                self._allowed = granted
                await self._send("opened", model=model.as_dict(), credit=granted)
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
            await self._connection.send_error(error, stream=self.number, seq=seq)
        else:
            if self._credit < answer_bytes:
                await self._wait_for_credit(answer_bytes)
            self._credit -= answer_bytes
            await self._connection.send_frame(
                write_features(
                    stream=self.number,
                    seq=seq,
                    first_sample=window.frame.first_sample,
                    gap=window.frame.gap,
                    features=features,
                )
            )
        # A send that is cancelled has sent nothing, so only now is the window answered.
        self.next_answer = (seq + 1) % _SEQS
        await self._grant_again(window.size)

    async def _wait_for_credit(self, size: int) -> None:
        began = time.monotonic()
        while self._credit < size:
            self._more_credit.clear()
            await self._more_credit.wait()
        self._bridge.metrics.credit_stalled_seconds += time.monotonic() - began

    async def _grant_again(self, size: int) -> None:
        """Gives answered bytes back: in large steps, as a message for each window would cost as much as its answer."""
        self._owed += size
        if self._bridge.draining or self._owed <= _GRANT_BEYOND_LARGEST:
            return
        granted, self._owed = self._owed, 0
        self._allowed += granted
        await self._send("credit", bytes=granted)

    async def _send(self, kind: str, **fields: Any) -> None:
        await self._connection.send({"type": kind, "stream": self.number, **fields})
