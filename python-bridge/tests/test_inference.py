"""The pool of workers, with an encoder that hangs where a device would."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from bundle import write_bundle

from earmark_bridge.encoder import Encoder, Vector
from earmark_bridge.errors import BridgeError
from earmark_bridge.inference import InferencePool
from earmark_bridge.metrics import Metrics
from earmark_bridge.models import BundleSource
from earmark_bridge.pcm import Samples
from earmark_bridge.runtime import Runtime

SILENCE = np.zeros(1600, np.float32)


class Device(Encoder):
    """Calls what a test wants before each run and each new session."""

    before_run: Callable[[], object] = staticmethod(lambda: None)
    before_renewal: Callable[[], object] = staticmethod(lambda: None)

    def embed(self, samples: Samples) -> Vector:
        self.before_run()
        return super().embed(samples)

    def renew(self) -> None:
        self.before_renewal()
        super().renew()


@pytest.fixture
def device(tmp_path: Path) -> Device:
    write_bundle(tmp_path / "bundle")
    source = BundleSource("test", tmp_path / "bundle", quantized=False)
    return Device(*source.read(), Runtime(("CPUExecutionProvider",), 1, 1))


def test_a_fresh_session_that_hangs_as_well_is_given_up_like_a_run(device: Device) -> None:
    over = threading.Event()
    runs, renewals = iter([over.wait]), iter([over.wait])
    device.before_run = lambda: next(runs, time.time)()
    device.before_renewal = lambda: next(renewals, time.time)()
    metrics = Metrics()

    async def run() -> None:
        pool = InferencePool(workers=1, capacity=9, hang_seconds=0.5, metrics=metrics)
        pool.start()
        first, second = (pool.submit("lane", device, SILENCE.size, lambda: SILENCE) for _ in range(2))
        with pytest.raises(BridgeError, match="send the window again"):
            await asyncio.wait_for(first, 30)
        assert np.isfinite(await asyncio.wait_for(second, 30)).all()
        over.set()
        await pool.stop()

    asyncio.run(run())
    assert metrics.worker_restarts >= 2


def test_a_run_that_was_asleep_with_the_whole_process_is_not_given_up(device: Device) -> None:
    begun, over = threading.Event(), threading.Event()

    def sleep() -> None:
        begun.set()
        over.wait()

    device.before_run = sleep
    metrics = Metrics()

    async def run() -> None:
        pool = InferencePool(workers=1, capacity=9, hang_seconds=2, metrics=metrics)
        pool.start()
        vector = pool.submit("lane", device, SILENCE.size, lambda: SILENCE)
        await asyncio.to_thread(begun.wait)
        time.sleep(4)  # noqa: ASYNC251 - nothing runs meanwhile, as in a laptop that is closed
        await asyncio.sleep(0.5)
        over.set()
        assert np.isfinite(await asyncio.wait_for(vector, 30)).all()
        await pool.stop()

    asyncio.run(run())
    assert metrics.worker_restarts == 0


def test_a_batch_for_which_there_is_no_memory_is_embedded_one_by_one(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> Vector:
        raise MemoryError

    monkeypatch.setattr(device, "embed_equal", fail)
    device.batch = 4
    metrics = Metrics()

    async def run() -> None:
        pool = InferencePool(workers=1, capacity=9, hang_seconds=0.5, metrics=metrics)
        pool.start()
        vectors = [pool.submit("lane", device, SILENCE.size, lambda: SILENCE) for _ in range(8)]
        for vector in vectors:
            assert np.isfinite(await asyncio.wait_for(vector, 30)).all()
        await pool.stop()

    asyncio.run(run())
    assert metrics.worker_restarts == 0
