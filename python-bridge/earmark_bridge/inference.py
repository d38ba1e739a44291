"""Worker threads that run the models, so that the event loop never does.

Windows wait in lanes, one per stream or HTTP request, and workers take from the lanes in turn: a file sent at
full speed cannot hold up a live stream. A thread cannot be killed. When a run does not return, its worker is
given up: its windows fail with a retryable error, a new worker starts with a fresh session, and the old thread
ends if its run ever does.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Final

from .encoder import Encoder, Vector
from .errors import BridgeError
from .metrics import Metrics
from .pcm import Samples

_LOG = logging.getLogger("earmark")

# More threads than this that never came back mean that the process itself should be started anew.
MOST_ABANDONED: Final = 4
_WATCH_SECONDS: Final = 0.1
# A watch that comes this late was asleep with the whole process, which is no run's fault.
_ASLEEP_SECONDS: Final = 2.0
_BUSY_SPAN_SECONDS: Final = 1.0


@dataclass(eq=False)
class Job:
    """One window on its way through a model."""

    lane: Hashable
    encoder: Encoder
    count: int
    read: Callable[[], Samples]
    future: asyncio.Future[Vector]
    queued_at: float = field(default_factory=time.perf_counter)

    @property
    def audio_seconds(self) -> float:
        return self.count / self.encoder.model.sample_rate


@dataclass(frozen=True)
class _Run:
    jobs: list[Job]
    began_at: float


@dataclass(eq=False)
class _Worker:
    renew_first: Encoder | None = None
    # Written by its thread in one assignment, read by the watch.
    run: _Run | None = None
    abandoned: bool = False
    thread: threading.Thread | None = None


class InferencePool:
    """`workers` threads over one bounded, fair queue. Everything but the threads' own work runs on the event loop."""

    def __init__(self, *, workers: int, capacity: int, hang_seconds: float, metrics: Metrics) -> None:
        self.capacity = capacity
        # Called when too many runs hang, since only a new process helps then.
        self.when_stuck: Callable[[], None] = lambda: None
        self.stuck = False
        self._size = workers
        self._hang_seconds = hang_seconds
        self._metrics = metrics
        self._lanes: OrderedDict[Hashable, deque[Job]] = OrderedDict()
        self._lock = threading.Lock()
        # A `None` for each job, which wakes a worker sooner than a condition does. Batches and drops leave some over.
        self._tokens: SimpleQueue[None] = SimpleQueue()
        self._waiting = 0
        self._stopping = False
        self._workers: list[_Worker] = []
        self._abandoned: list[_Worker] = []
        self._finished_seconds = 0.0
        self._history: deque[tuple[float, float]] = deque()
        self._watch: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        for _ in range(self._size):
            self._add_worker(_Worker())
        self._watch = self._loop.create_task(self._watch_workers())

    async def stop(self) -> None:
        """Ends the idle workers; a hung one is left behind, which `abandoned` shows."""
        if self._watch:
            self._watch.cancel()
        self._stopping = True
        for _ in self._workers:
            self._tokens.put(None)
        deadline = time.monotonic() + 2
        while any(worker.thread and worker.thread.is_alive() for worker in self._workers):
            if time.monotonic() > deadline:
                self._abandoned.extend(self._workers)
                return
            await asyncio.sleep(0.01)

    @property
    def waiting(self) -> int:
        """Windows that no worker has taken yet."""
        return self._waiting

    @property
    def full(self) -> bool:
        return self._waiting >= self.capacity

    @property
    def abandoned(self) -> int:
        """Threads that are still inside a run that was given up."""
        self._abandoned = [worker for worker in self._abandoned if worker.thread and worker.thread.is_alive()]
        return len(self._abandoned)

    @property
    def idle(self) -> bool:
        return self._waiting == 0 and not any(worker.run for worker in self._workers)

    def busy(self) -> float:
        """Seconds of inference during the last second per worker, 0 to 1."""
        now = time.perf_counter()
        seconds = self._busy_seconds(now)
        past, past_seconds = self._history[0] if self._history else (now - _BUSY_SPAN_SECONDS, seconds)
        return min(1.0, max(0.0, (seconds - past_seconds) / max(now - past, 1e-6) / self._size))

    def submit(
        self, lane: Hashable, encoder: Encoder, count: int, read: Callable[[], Samples]
    ) -> asyncio.Future[Vector]:
        """The vector of `count` samples, which a worker gets by calling `read`."""
        job = Job(lane, encoder, count, read, self._loop.create_future())
        with self._lock:
            self._lanes.setdefault(lane, deque()).append(job)
            self._waiting += 1
        self._tokens.put(None)
        return job.future

    def drop(self, lane: Hashable) -> None:
        """Forgets what waits in a lane; what a worker already has is computed and thrown away."""
        with self._lock:
            dropped = self._lanes.pop(lane, deque())
            self._waiting -= len(dropped)
        for job in dropped:
            job.future.cancel()

    def _add_worker(self, worker: _Worker) -> None:
        worker.thread = threading.Thread(target=self._work, args=(worker,), name="inference", daemon=True)
        self._workers.append(worker)
        worker.thread.start()

    def _take(self) -> list[Job]:
        """The next job in turn, with others of its length where the model gains from it; none if those were taken."""
        self._tokens.get()
        with self._lock:
            if not self._lanes:
                return []
            first = self._pop(next(iter(self._lanes)))
            taken = [first]
            model = first.encoder.model
            if first.encoder.batch > 1 and first.count <= model.window_samples:
                for lane in list(self._lanes):
                    while len(taken) < first.encoder.batch and lane in self._lanes:
                        head = self._lanes[lane][0]
                        if head.encoder is not first.encoder or head.count != first.count:
                            break
                        taken.append(self._pop(lane))
            return taken

    def _pop(self, lane: Hashable) -> Job:
        jobs = self._lanes[lane]
        job = jobs.popleft()
        self._waiting -= 1
        if jobs:
            self._lanes.move_to_end(lane)
        else:
            del self._lanes[lane]
        return job

    def _work(self, worker: _Worker) -> None:
        if worker.renew_first:
            # Watched like a run: on a device that hangs, making a session hangs as well.
            worker.run = _Run([], time.perf_counter())
            try:
                worker.renew_first.renew()
            except Exception:
                _LOG.exception("a fresh session could not be made; going on with the old one")
            worker.run = None
        while not (worker.abandoned or self._stopping):
            jobs = self._take()
            if not jobs:
                continue
            run = worker.run = _Run(jobs, time.perf_counter())
            outcomes = _embed(jobs)
            seconds = time.perf_counter() - run.began_at
            worker.run = None
            try:
                self._loop.call_soon_threadsafe(self._settle, worker, run, outcomes, seconds)
            except RuntimeError:  # the loop is closed: the process is ending
                return

    def _settle(self, worker: _Worker, run: _Run, outcomes: list[Vector | BridgeError], seconds: float) -> None:
        if worker.abandoned:
            _LOG.warning("a run that was given up after %.0f s returned after %.1f s", self._hang_seconds, seconds)
            return
        for job, outcome in zip(run.jobs, outcomes, strict=True):
            if job.future.done():
                continue
            if isinstance(outcome, BridgeError):
                job.future.set_exception(outcome)
            else:
                job.future.set_result(outcome)
        # Counted once the answers are on their way.
        self._loop.call_soon(self._count, run, outcomes, seconds)

    def _count(self, run: _Run, outcomes: list[Vector | BridgeError], seconds: float) -> None:
        self._finished_seconds += seconds
        self._metrics.ran(run.jobs[0].encoder.model.name, len(run.jobs), seconds)
        for job, outcome in zip(run.jobs, outcomes, strict=True):
            result = "failed" if isinstance(outcome, BridgeError) else "ok"
            queued = run.began_at - job.queued_at
            self._metrics.embedded(job.encoder.model.name, result, job.audio_seconds, queued)

    async def _watch_workers(self) -> None:
        woke_at = looked_at = time.perf_counter()
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            now = time.perf_counter()
            if now - looked_at > _ASLEEP_SECONDS:
                woke_at = now
            looked_at = now
            self._history.append((now, self._busy_seconds(now)))
            while self._history[0][0] < now - _BUSY_SPAN_SECONDS:
                self._history.popleft()
            for worker in list(self._workers):
                run = worker.run
                if run is None:
                    continue
                allowed = self._hang_seconds + 2 * sum(job.audio_seconds for job in run.jobs)
                if now - max(run.began_at, woke_at) > allowed:
                    self._give_up(worker, run.jobs, now - run.began_at)

    def _give_up(self, worker: _Worker, jobs: list[Job], seconds: float) -> None:
        worker.abandoned = True
        self._workers.remove(worker)
        self._abandoned.append(worker)
        self._metrics.worker_restarts += 1
        _LOG.error(
            "inference has not returned for %.1f s: its %d window(s) fail and a new worker takes over",
            seconds,
            len(jobs),
        )
        for job in jobs:
            if not job.future.done():
                job.future.set_exception(
                    BridgeError("INTERNAL", f"the model did not answer within {seconds:.0f} s; send the window again")
                )
        if self.abandoned > MOST_ABANDONED:
            _LOG.critical("%d runs hang and cannot be stopped; only a new process helps", self.abandoned)
            self.stuck = True
            self.when_stuck()
            return
        self._add_worker(_Worker(renew_first=jobs[0].encoder if jobs else worker.renew_first))

    def _busy_seconds(self, now: float) -> float:
        runs = (worker.run for worker in self._workers)
        return self._finished_seconds + sum(now - run.began_at for run in runs if run)


def _embed(jobs: list[Job]) -> list[Vector | BridgeError]:
    """Each job's vector or error: a window that fails does not take its batch with it."""
    if len(jobs) > 1:
        try:
            return list(jobs[0].encoder.embed_equal([job.read() for job in jobs]))
        except Exception:  # whatever it is, such as a lack of memory, it must not end the worker's thread
            _LOG.debug("a batch failed; its windows are tried one by one", exc_info=True)
    return [_embed_one(job) for job in jobs]


def _embed_one(job: Job) -> Vector | BridgeError:
    try:
        return job.encoder.embed(job.read())
    except BridgeError as error:
        return error
    except Exception:
        _LOG.exception("a window could not be embedded")
        return BridgeError("INTERNAL", "a fault of the server while it embedded this window; its log has the details")
