"""The server's state, which the WebSocket and the HTTP endpoints share."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from .errors import BridgeError
from .inference import InferencePool
from .manifest import LARGEST_MESSAGE_BYTES
from .metrics import Metrics
from .models import ModelRegistry, read_models_file, sources_of
from .runtime import Runtime
from .settings import Settings

if TYPE_CHECKING:
    from .connection import Connection

_LOG = logging.getLogger("earmark")

MAX_CONNECTIONS: Final = 64
MAX_STREAMS: Final = 64
MAX_CREDIT_BYTES: Final = 2 * LARGEST_MESSAGE_BYTES
# All window bytes that clients may have under way at once, and the windows beyond which no new work is begun.
GRANT_BUDGET_BYTES: Final = 512 << 20
QUEUE_CAPACITY: Final = 2048
# One-shot requests hold their whole audio in memory, so few at a time.
MAX_REQUESTS: Final = 16
RETRY_AFTER_MS: Final = 1000
# Between two tries to load a default model that failed; the registry itself refuses to for ten seconds.
_FIRST_DEFAULT_RETRY_SECONDS: Final = 11.0
_LONGEST_DEFAULT_RETRY_SECONDS: Final = 600.0


class Bridge:
    def __init__(self, settings: Settings, runtime: Runtime) -> None:
        self.settings = settings
        self.runtime = runtime
        self.metrics = Metrics()
        self.connections: set[Connection] = set()
        self.requests = 0
        self.draining = False
        self.started_at = time.monotonic()
        self.pool = InferencePool(
            workers=runtime.workers, capacity=QUEUE_CAPACITY, hang_seconds=settings.hang_seconds, metrics=self.metrics
        )
        self._granted_bytes = 0
        file = read_models_file(settings.models)
        self.models = ModelRegistry(
            file.default,
            sources_of(file, settings.models.resolve().parent),
            runtime=runtime,
            budget_bytes=file.memoryBudgetMb * 1_000_000,
        )
        self._loading: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.pool.start()
        self._loading = asyncio.create_task(self._load_default())

    async def _load_default(self) -> None:
        wait = _FIRST_DEFAULT_RETRY_SECONDS
        while True:
            # The registry has logged why not, and /health tells it; the server goes on for the other models.
            with contextlib.suppress(BridgeError):
                await self.models.load(self.models.default)
                return
            # A disk or network that was not there yet may come; who waits for a ready server asks for no model.
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_DEFAULT_RETRY_SECONDS)

    @property
    def ready(self) -> bool:
        return self.models.ready and not self.draining and not self.pool.stuck

    def refuse_new_work(self) -> None:
        """Raises DRAINING or OVERLOADED where a new stream or request cannot be taken on."""
        if self.draining:
            raise BridgeError("DRAINING", "the server is ending; connect again", retry_after_ms=RETRY_AFTER_MS)
        if self.pool.full:
            raise BridgeError("OVERLOADED", "too many windows are waiting", retry_after_ms=RETRY_AFTER_MS)

    @contextlib.contextmanager
    def granting(self, size: int) -> Iterator[None]:
        """Reserves memory that a client may fill; raises OVERLOADED when there is none left."""
        if self._granted_bytes + size > GRANT_BUDGET_BYTES:
            raise BridgeError("OVERLOADED", "no memory is left for another stream", retry_after_ms=RETRY_AFTER_MS)
        self._granted_bytes += size
        try:
            yield
        finally:
            self._granted_bytes -= size

    @contextlib.contextmanager
    def request(self) -> Iterator[None]:
        """One one-shot request; raises OVERLOADED or DRAINING when it cannot be taken on."""
        self.refuse_new_work()
        if self.requests >= MAX_REQUESTS:
            raise BridgeError("OVERLOADED", "too many requests at once", retry_after_ms=RETRY_AFTER_MS)
        self.requests += 1
        try:
            yield
        finally:
            self.requests -= 1

    async def drain(self) -> None:
        """Answers what is open, within the time that the settings leave, and ends every connection with 1012."""
        self.draining = True
        seconds = self.settings.drain_seconds
        _LOG.info("ending: answering what is open, for at most %g s", seconds)
        deadline = time.monotonic() + seconds
        for connection in list(self.connections):
            connection.drain(round(seconds * 1000))
        while (self.connections or self.requests) and time.monotonic() < deadline:
            await asyncio.sleep(0.02)

    async def stop(self) -> None:
        if self._loading:
            self._loading.cancel()
        self.models.stop()
        await self.pool.stop()
