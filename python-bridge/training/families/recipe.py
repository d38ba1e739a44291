"""What a family of made sounds is: a function from a recipe to samples."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from corpus import SAMPLE_RATE
from dsp import Array, between, events, noise, place, seconds

Family = Callable[[Array, np.random.Generator, int], Array]
RECIPE_SIZE = 14
FAMILIES: dict[str, Family] = {}


def family(generate: Family) -> Family:
    FAMILIES[generate.__name__] = generate
    return generate


def body_of(recipe: Array, low: float, high: float, count: int = 5) -> tuple[Array, Array, Array]:
    """A body drawn from the recipe itself: the same recipe always has the same resonances."""
    fixed = np.random.default_rng(int(np.clip(recipe[-1], 0, 1) * 40) + 1)
    frequencies = low * (high / low) ** fixed.random(count) * (0.97 + 0.06 * recipe[-2])
    return frequencies, frequencies * (0.02 + 0.25 * fixed.random(count)), 0.3 + fixed.random(count)


def struck(r: Array, rng: np.random.Generator, low: float, high: float, decay: float) -> Array:
    """One hit on a thing with modes: the heart of knocks, plates, bells and cutlery."""
    n = int(min(decay * 7, 1.6) * SAMPLE_RATE) + 400
    fixed = np.random.default_rng(int(np.clip(r[-1], 0, 1) * 40) + 7)
    t, out = seconds(n), np.zeros(n)
    base = between(r[0], low, high)
    ratios = 1 + np.cumsum(0.15 + 1.6 * fixed.random(10)) * (0.6 + 0.8 * r[1])
    for k, ratio in enumerate(np.concatenate([[1.0], ratios])):
        if base * ratio > 7700:
            break
        loss = decay / (1 + 0.5 * k * (0.3 + r[2])) * (0.6 + 0.8 * fixed.random())
        gain = (0.3 + fixed.random()) * rng.uniform(0.5, 1.5) / (1 + 0.25 * k)
        out += gain * np.exp(-t / max(loss, 0.003)) * np.sin(2 * np.pi * base * ratio * t)
    click = noise(rng, n, 0.3) * np.exp(-t / (0.0008 + 0.006 * r[3]))
    return out + (0.3 + 1.5 * r[4]) * click


def repeated(r: Array, rng: np.random.Generator, n: int, hit: Callable[[], Array], low: float, high: float) -> Array:
    out = 10 ** (-3.2 + r[9]) * noise(rng, n, 0.6)
    for start in events(rng, n, between(r[8], low, high), 0.3 + 0.7 * r[7]):
        sound = hit()
        place(out, sound / (np.abs(sound).max() + 1e-9), start, float(rng.uniform(0.4, 1)))
    return out


def bubbles(r: Array, rng: np.random.Generator, n: int, rate: float, low: float, high: float) -> Array:
    """Each bubble rings at its size and rises a little as it shrinks."""
    out = np.zeros(n)
    count = int(min(rng.poisson(rate * n / SAMPLE_RATE) + 1, 260))
    for _ in range(count):
        frequency = low * (high / low) ** rng.beta(2, 2)
        length = int(SAMPLE_RATE * min(0.12, 14 / frequency)) + 40
        t = seconds(length)
        ring = np.sin(2 * np.pi * frequency * t * (1 + 3 * r[9] * t)) * np.exp(-t * frequency / 4)
        place(out, ring, int(rng.integers(0, n)), float(np.exp(0.6 * rng.standard_normal())))
    return out
