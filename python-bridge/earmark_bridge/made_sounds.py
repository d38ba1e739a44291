"""Sounds made by a small synthesiser, each heard twice: what a checkpoint's vectors are standardised by.

Contrasting made sounds whose parameters differ a little teaches about as much as real recordings do (Audio
Doppelgaengers, arXiv 2406.05923); here they only tell where a checkpoint's vectors lie and how they spread.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Signal = NDArray[np.float64]

_RECIPE: Final = 12
#: How far a recipe moves between two hearings; each of its numbers is between 0 and 1.
_MOVE: Final = 0.03


def made_pairs(count: int, samples: int, rate: int, seed: int = 1) -> NDArray[np.float32]:
    """`[count, 2, samples]`: `count` sounds in two hearings each, the same for the same arguments."""
    rng = np.random.default_rng(seed)
    pairs = np.empty((count, 2, samples), dtype=np.float32)
    for pair in pairs:
        recipe = rng.random(_RECIPE)
        for hearing in pair:
            moved = np.clip(recipe + _MOVE * rng.standard_normal(_RECIPE), 0, 1)
            sound = _sound(moved, rng, samples, rate)
            hearing[:] = 0.5 * sound / (np.abs(sound).max() + 1e-9)
    return pairs


def _between(part: float, low: float, high: float) -> float:
    """A parameter on a logarithmic scale, as ears hear most of them."""
    return float(low * (high / low) ** part)


def _sound(r: Signal, rng: np.random.Generator, samples: int, rate: int) -> Signal:
    """A modulated tone and a band of noise under one of three envelopes: struck, repeated or steady."""
    time = np.arange(samples) / rate
    wobble = np.sin(2 * np.pi * _between(r[0], 0.5, 40) * time + rng.uniform(0, 6))
    pitch = _between(r[1], 60, 3000) * 2 ** (0.6 * r[2] ** 3 * wobble + (r[3] - 0.5) * time)
    turn = 2 * np.pi * np.cumsum(np.clip(pitch, 20, 0.45 * rate)) / rate
    tone = np.sin(turn + _between(r[4], 0.01, 5) * np.sin(turn * (0.25 + 4 * r[5])))
    low = _between(r[6], 60, 3000)
    hiss = _band(rng.standard_normal(samples), low, low * _between(r[7], 1.2, 12), rate)
    sound = (1 - r[8]) * tone + r[8] * hiss
    if r[9] < 1 / 3:
        envelope = np.exp(-time / _between(r[10], 0.03, 1.0)) * np.minimum(1, time / _between(r[11], 0.001, 0.1))
    elif r[9] < 2 / 3:
        beat = _between(r[11], 1.5, 20)
        envelope = np.exp(-((time * beat + rng.random()) % 1.0) / beat / _between(r[10], 0.01, 0.4))
    else:
        envelope = 1 + 0.9 * r[10] * np.sin(2 * np.pi * _between(r[11], 0.5, 30) * time + rng.uniform(0, 6))
    return np.asarray(sound * envelope + 1e-3 * rng.standard_normal(samples))


def _band(noise: Signal, low: float, high: float, rate: int) -> Signal:
    """Noise between two frequencies, at unit power."""
    spectrum = np.fft.rfft(noise)
    frequency = np.fft.rfftfreq(len(noise), 1 / rate)
    spectrum /= np.sqrt(1 + (low / np.maximum(frequency, 1)) ** 8) * np.sqrt(1 + (frequency / high) ** 8)
    band = np.fft.irfft(spectrum, len(noise))
    return np.asarray(band / (band.std() + 1e-9))
