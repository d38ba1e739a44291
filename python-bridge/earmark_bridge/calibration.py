"""From similarity to meaning: a threshold that few unrelated pairs pass, and the chance that a pair is one sound."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]

#: Share of unrelated pairs that may pass the default threshold.
FALSE_MATCHES: Final = 0.01
_EDGES: Final = np.linspace(-0.2, 1.0, 25)


def limit(apart: Scores) -> float:
    """The similarity that only `FALSE_MATCHES` of unrelated pairs pass."""
    return float(np.quantile(apart, 1 - FALSE_MATCHES))


def curve(sets: list[tuple[Scores, Scores]]) -> list[list[float]]:
    """`[similarity, chance]` points, strictly rising: if before listening a pair was as likely one sound as two,
    how likely is it one sound at this similarity?

    `sets`: similarities of pairs of one sound and of unrelated pairs; each set counts alike.
    """
    same = np.mean([_shares(scores) for scores, _ in sets], axis=0)
    apart = np.mean([_shares(scores) for _, scores in sets], axis=0)
    chance = _non_decreasing((same + 1e-4) / (same + apart + 2e-4), same + apart + 1e-4)
    points: list[list[float]] = []
    for similarity, value in zip((_EDGES[1:] + _EDGES[:-1]) / 2, chance, strict=True):
        # Strictly rising, so that the curve can be read both ways.
        last = points[-1][1] if points else 0.0
        points.append([round(float(similarity), 3), round(max(float(value), last + 0.0005), 4)])
    top = max(1.0, points[-1][1] + 0.0005)
    return [[similarity, round(value / top, 4)] for similarity, value in points]


def calibrated(same: Scores, apart: Scores) -> dict[str, Any]:
    """A manifest's `calibration` from pairs of one kind of sounds."""
    return {"defaultThreshold": round(limit(apart) + 0.005, 2), "points": curve([(same, apart)])}


def _shares(scores: Scores) -> Scores:
    """Which share of the scores falls between each two edges."""
    return np.histogram(scores.clip(_EDGES[0], _EDGES[-1]), _EDGES)[0] / len(scores)


def _non_decreasing(values: Scores, weights: Scores) -> Scores:
    """Isotonic regression by pooling adjacent violators."""
    blocks: list[tuple[float, float, int]] = []
    for value, weight in zip(values, weights, strict=True):
        blocks.append((float(value), float(weight), 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (u, x, m), (v, w, n) = blocks[-2:]
            blocks[-2:] = [((u * x + v * w) / (x + w), x + w, m + n)]
    return np.concatenate([np.full(n, v) for v, _, n in blocks])
