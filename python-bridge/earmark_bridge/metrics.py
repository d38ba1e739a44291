"""Counters of the server, and their Prometheus text."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class _Histogram:
    def __init__(self) -> None:
        self.counts = [0] * (len(_BUCKETS) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(_BUCKETS, seconds)] += 1
        self.total += seconds


class Metrics:
    """Written on the event loop only. Labels are model names and codes of closed sets, so their number is bounded."""

    def __init__(self) -> None:
        self.worker_restarts = 0
        self.connections_total = 0
        self.credit_stalled_seconds = 0.0
        self.errors: Counter[str] = Counter()
        self._windows: Counter[tuple[str, str]] = Counter()
        self._runs: Counter[str] = Counter()
        self._audio_seconds: defaultdict[str, float] = defaultdict(float)
        self._inference: dict[str, _Histogram] = {}
        self._queued: dict[str, _Histogram] = {}

    def ran(self, model: str, windows: int, seconds: float) -> None:
        self._runs[model] += 1
        self._inference.setdefault(model, _Histogram()).observe(seconds / windows)

    def embedded(self, model: str, outcome: str, audio_seconds: float, queued_seconds: float) -> None:
        self._windows[model, outcome] += 1
        self._audio_seconds[model] += audio_seconds
        self._queued.setdefault(model, _Histogram()).observe(queued_seconds)

    def text(self, gauges: Mapping[str, tuple[str, float]]) -> str:
        """`gauges`: name → (help, value), read by the caller at this moment."""
        lines: list[str] = []

        def family(name: str, kind: str, about: str, samples: Iterable[tuple[str, float]]) -> None:
            lines.append(f"# HELP earmark_{name} {about}")
            lines.append(f"# TYPE earmark_{name} {kind}")
            lines.extend(f"earmark_{name}{labels} {value}" for labels, value in samples)

        windows = [(_labels(model=model, outcome=outcome), n) for (model, outcome), n in sorted(self._windows.items())]
        family("windows_total", "counter", "Windows embedded, by outcome.", windows)
        family("runs_total", "counter", "Runs of the model; windows per run is the batch.", _by_model(self._runs))
        family("audio_seconds_total", "counter", "Seconds of audio embedded.", _by_model(self._audio_seconds))
        errors = [(_labels(code=code), n) for code, n in sorted(self.errors.items())]
        family("errors_total", "counter", "Errors told to clients, by code.", errors)
        family("connections_total", "counter", "WebSocket connections accepted.", [("", self.connections_total)])
        family("worker_restarts_total", "counter", "Hung workers that were replaced.", [("", self.worker_restarts)])
        stalled = [("", self.credit_stalled_seconds)]
        family("credit_stalled_seconds_total", "counter", "Time that results waited for a client's credit.", stalled)
        _histograms(lines, "inference_seconds", "Seconds of inference per window.", self._inference)
        _histograms(lines, "queue_seconds", "Seconds that a window waited for a worker.", self._queued)
        for name, (about, value) in gauges.items():
            family(name, "gauge", about, [("", value)])
        return "\n".join(lines) + "\n"


def _labels(**labels: str) -> str:
    def escaped(value: str) -> str:
        return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

    return "{" + ",".join(f'{name}="{escaped(value)}"' for name, value in labels.items()) + "}"


def _by_model(counts: Mapping[str, float]) -> list[tuple[str, float]]:
    return [(_labels(model=model), value) for model, value in sorted(counts.items())]


def _histograms(lines: list[str], name: str, about: str, histograms: Mapping[str, _Histogram]) -> None:
    lines.append(f"# HELP earmark_{name} {about}")
    lines.append(f"# TYPE earmark_{name} histogram")
    for model, histogram in sorted(histograms.items()):
        cumulated = 0
        for bound, count in zip((*map(str, _BUCKETS), "+Inf"), histogram.counts, strict=True):
            cumulated += count
            lines.append(f"earmark_{name}_bucket{_labels(model=model, le=bound)} {cumulated}")
        lines.append(f"earmark_{name}_sum{_labels(model=model)} {histogram.total}")
        lines.append(f"earmark_{name}_count{_labels(model=model)} {cumulated}")
