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
    """`providers` in onnxruntime's words, the best first; `workers` runs at the same time, each of `threads`."""

    providers: tuple[str, ...]
    workers: int
    threads: int
    gpu: Gpu | None = None

    @property
    def accelerated(self) -> bool:
        return self.providers[0] != "CPUExecutionProvider"


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


# More threads inside one run of a small model wait for each other more than they help.
_MOST_THREADS: Final = 4


def find_runtime(workers: int, threads: int) -> Runtime:
    """0 workers or threads: as many as fit this machine."""
    cores = os.cpu_count() or 1
    threads = threads or min(_MOST_THREADS, cores)
    on_processor = workers or max(1, cores // threads)
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
    return Runtime(("CPUExecutionProvider",), on_processor, threads)
