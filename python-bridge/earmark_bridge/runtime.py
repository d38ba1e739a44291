"""What onnxruntime computes on: an NVIDIA GPU or Apple's Core ML where they are there, else the processor."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import Final

import onnxruntime as ort

_LOG = logging.getLogger("earmark")


@dataclass(frozen=True)
class Gpu:
    name: str
    memory_mb: int


@dataclass(frozen=True)
class Runtime:
    """`providers` in onnxruntime's words, the best first; `workers` runs at the same time, each of `threads`.

    0 threads are as many as fit the model.
    """

    providers: tuple[str, ...]
    workers: int
    threads: int
    gpu: Gpu | None = None

    @property
    def accelerated(self) -> bool:
        return self.providers[0] != "CPUExecutionProvider"

    def threads_for(self, size_bytes: int) -> int:
        """Threads inside one run of a model of this size."""
        fitting = 1 if size_bytes < _SMALL_BYTES else min(_MOST_THREADS, os.cpu_count() or 1)
        return self.threads or fitting


def _nvidia() -> Gpu | None:
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    query = [program, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True).stdout  # noqa: S603
        name, memory = answer.splitlines()[0].rsplit(",", 1)
        return Gpu(name.strip(), int(memory))
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


# More runs at once than these take memory for a speed that hardly anybody needs.
_MOST_WORKERS: Final = 4
# More threads inside one run wait for each other more than they help.
_MOST_THREADS: Final = 4
# A model of fewer bytes runs in one thread: a second one brought the shipped encoder from 5.2 to 4.1 ms a window, where
# two runs of one thread each get 1.4 to 1.6 times as much done, with a fifth less work.
_SMALL_BYTES: Final = 64 << 20


def find_runtime(workers: int, threads: int) -> Runtime:
    """0 workers or threads: as many as fit this machine and the model."""
    cores = os.cpu_count() or 1
    available = ort.get_available_providers()
    gpu = _nvidia()
    if "CUDAExecutionProvider" in available and gpu:
        # The CUDA libraries of a torch or nvidia-* package, where one is installed beside onnxruntime-gpu.
        ort.preload_dlls()
        return Runtime(("CUDAExecutionProvider", "CPUExecutionProvider"), workers or 1, threads, gpu)
    if "CoreMLExecutionProvider" in available:
        return Runtime(("CoreMLExecutionProvider", "CPUExecutionProvider"), workers or 1, threads)
    if gpu:
        _LOG.info("%s is there, but this onnxruntime computes on the processor; onnxruntime-gpu would use it", gpu.name)
    return Runtime(("CPUExecutionProvider",), workers or min(_MOST_WORKERS, cores), threads)
