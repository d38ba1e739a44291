"""A loaded model: PCM in, one vector out, whatever the length of the window."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from itertools import count
from typing import Any, Final

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from .errors import BridgeError
from .manifest import BundleError, Model
from .pcm import Samples
from .runtime import Runtime

_LOG = logging.getLogger("earmark")

Vector = NDArray[np.float32]
Matrix = NDArray[np.float32]

# Parts of a long window that are this much quieter than its loudest part say nothing about the sound.
QUIET_DECIBELS: Final = 26.0
_QUIET_RATIO: Final = 10 ** (-QUIET_DECIBELS / 20)
# Batches beyond this gained nothing on any processor measured (python-bridge/README.md).
_LARGEST_BATCH: Final = 4
_BATCH_MUST_GAIN: Final = 0.9
_MEASURE_SECONDS: Final = 0.5


def starts(samples: int, window: int, hop: int) -> list[int]:
    """Where windows begin: every `hop`, and once more so that the last one ends with the audio."""
    if samples <= window:
        return [0]
    last = samples - window
    found = list(range(0, last + 1, hop))
    if found[-1] != last:
        found.append(last)
    return found


class Encoder:
    def __init__(self, model: Model, onnx: bytes, runtime: Runtime) -> None:
        self.model = model
        self.size_bytes = len(onnx)
        self.batch = 1
        self._onnx = onnx
        self._runtime = runtime
        self._session = self._start()

    def _start(self) -> ort.InferenceSession:
        options = ort.SessionOptions()
        options.intra_op_num_threads = self._runtime.threads_for(self.size_bytes)
        options.inter_op_num_threads = 1
        # Threads that spin while they wait would take the processor from the event loop and from Node.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            session = ort.InferenceSession(self._onnx, options, providers=list(self._runtime.providers))
            if self._runtime.accelerated and session.get_providers()[0] == "CPUExecutionProvider":
                _LOG.warning("%s runs on the processor: onnxruntime could not use the GPU", self.model.name)
            (pcm,), (features,) = session.get_inputs(), session.get_outputs()
        except Exception as error:  # onnxruntime's exceptions share no base
            raise BundleError(f"{self.model.name}: onnxruntime cannot load the model: {error}") from None
        if pcm.name != "pcm" or features.name != "features" or features.shape[-1] != self.model.dimensions:
            raise BundleError(
                f"{self.model.name}: the model must turn `pcm` into `features` of {self.model.dimensions} dimensions"
            )
        return session

    def renew(self) -> None:
        """A fresh session, for when the old one never came back from a run."""
        self._session = self._start()

    def run(self, pcm: Matrix) -> Matrix:
        """`[batch, samples]` → `[batch, dimensions]`, straight through the model."""
        try:
            (features,) = self._session.run(["features"], {"pcm": pcm})
        except Exception as error:  # onnxruntime's exceptions share no base
            raise BridgeError("MODEL_FAILED", f"{self.model.name} could not embed this window: {error}") from None
        if features.shape != (len(pcm), self.model.dimensions) or not np.isfinite(features).all():
            raise BridgeError("MODEL_FAILED", f"{self.model.name} gave no finite vector for this window")
        return np.asarray(features, np.float32)

    def embed(self, samples: Samples) -> Vector:
        """One vector for audio of any allowed length (docs/protocol.md, data frames)."""
        window = self.model.window_samples
        if samples.size <= window:
            return np.asarray(self.run(samples[np.newaxis])[0])
        cut = np.stack(
            [samples[start : start + window] for start in starts(samples.size, window, self.model.hop_samples)]
        )
        rms = np.sqrt(np.mean(np.square(cut, dtype=np.float64), axis=1))
        loud = cut[rms >= rms.max() * _QUIET_RATIO]
        vectors = np.concatenate([self.run(loud[at : at + self.batch]) for at in range(0, len(loud), self.batch)])
        mean = vectors.mean(axis=0, dtype=np.float64)
        length = float(np.linalg.norm(mean))
        if length == 0:
            raise BridgeError("MODEL_FAILED", f"{self.model.name}: the parts of this window cancel each other out")
        return np.asarray(mean / length, np.float32)

    def embed_equal(self, windows: Sequence[Samples]) -> Matrix:
        """Vectors of windows that all have the same length, none longer than the model's own window."""
        return self.run(np.stack(windows))

    def warm_up(self) -> dict[str, Any]:
        """First runs, which are slow, and the choice of the batch size by measuring."""
        noise = np.random.default_rng(0)
        loudness = np.float32(0.1)
        pcm = noise.standard_normal((_LARGEST_BATCH, self.model.window_samples)).astype(np.float32) * loudness
        self.run(pcm[:1])
        single = batched = float("inf")
        until = time.perf_counter() + _MEASURE_SECONDS
        # In turns, so that another program's load falls on both.
        for trial in count():
            single = min(single, self._seconds_per_window(pcm[:1]))
            batched = min(batched, self._seconds_per_window(pcm))
            if trial and time.perf_counter() > until:
                break
        self.batch = _LARGEST_BATCH if batched < single * _BATCH_MUST_GAIN else 1
        return {"milliseconds": round(1000 * min(single, batched), 1), "batch": self.batch}

    def _seconds_per_window(self, pcm: Matrix) -> float:
        began = time.perf_counter()
        self.run(pcm)
        return (time.perf_counter() - began) / len(pcm)
