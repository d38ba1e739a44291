"""How many runs at a time, and how many threads in each."""

from __future__ import annotations

import os

from earmark_bridge.runtime import Runtime, find_runtime


def test_a_small_model_runs_in_one_thread_a_large_one_in_several() -> None:
    runtime = Runtime(("CPUExecutionProvider",), 2, 0)
    assert runtime.threads_for(12 << 20) == 1
    assert runtime.threads_for(380 << 20) == min(4, os.cpu_count() or 1)


def test_what_is_asked_for_is_done() -> None:
    assert Runtime(("CPUExecutionProvider",), 1, 3).threads_for(12 << 20) == 3
    assert find_runtime(3, 0).workers == 3


def test_a_processor_gets_a_run_for_each_core_and_four_at_most() -> None:
    runtime = find_runtime(0, 0)
    assert runtime.accelerated or runtime.workers == min(4, os.cpu_count() or 1)
