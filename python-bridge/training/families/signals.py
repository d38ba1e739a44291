"""Beeps, chimes and bells of devices."""

from __future__ import annotations

import numpy as np

from corpus import SAMPLE_RATE
from dsp import Array, between, harmonics, place, resonances, seconds
from families.recipe import body_of, family


def tones(r: Array, pitches: Array, on: float, off: float, n: int, edge: float = 0.004) -> Array:
    out, at, k = np.zeros(n), 0, 0
    amplitudes = np.array([1, r[5], 0.6 * r[6], 0.4 * r[7], 0.3 * r[5] * r[6]])
    while at < n:
        length = int(on * SAMPLE_RATE)
        t = seconds(length)
        shape = np.minimum(1, np.minimum(t, on - t) / edge) * np.exp(-t * 6 * r[8] ** 2 / on)
        place(out, harmonics(np.full(length, pitches[k % len(pitches)]), amplitudes) * shape, at, 1.0)
        at, k = at + length + int(off * SAMPLE_RATE), k + 1
    return out


@family
def beeper(r: Array, rng: np.random.Generator, n: int) -> Array:
    pitch = between(r[0], 700, 4200)
    start = int(rng.uniform(0, 0.3) * SAMPLE_RATE)
    sound = tones(r, np.array([pitch]), between(r[1], 0.04, 0.6), between(r[2], 0.04, 0.9), n)
    return np.roll(sound, start) + 0.002 * rng.standard_normal(n)


@family
def chime(r: Array, rng: np.random.Generator, n: int) -> Array:
    fixed = np.random.default_rng(int(np.clip(r[-1], 0, 1) * 60))
    pitches = between(r[0], 300, 1500) * 2 ** (fixed.choice([0, 2, 4, 5, 7, 9, 11, 12], 4) / 12)
    sound = tones(r, pitches[: 2 + int(r[3] * 2.99)], between(r[1], 0.12, 0.7), 0.01, n)
    return sound + 0.002 * rng.standard_normal(n)


@family
def siren(r: Array, rng: np.random.Generator, n: int) -> Array:
    swing = np.sin(2 * np.pi * between(r[0], 0.3, 6) * seconds(n) + rng.uniform(0, 6))
    if r[1] > 0.5:
        swing = np.sign(swing)
    pitch = between(r[2], 450, 1700) * 2 ** (between(r[3], 0.1, 0.8) * swing)
    return harmonics(pitch, np.array([1, r[5], 0.6 * r[6], 0.5 * r[7]])) + 0.01 * rng.standard_normal(n)


@family
def telephone(r: Array, rng: np.random.Generator, n: int) -> Array:
    trill = np.sin(2 * np.pi * between(r[0], 12, 32) * seconds(n)) > 0
    low, high = between(r[1], 600, 1400), 1 + 0.1 + 0.4 * r[2]
    pitch = np.where(trill, low, low * high)
    gate = ((seconds(n) + rng.uniform(0, 1)) % between(r[3], 0.6, 2)) < between(r[4], 0.3, 1)
    return gate * harmonics(pitch, np.array([1, r[5], r[6], 0.4 * r[7]])) + 0.002 * rng.standard_normal(n)


@family
def buzzer(r: Array, rng: np.random.Generator, n: int) -> Array:
    buzz = harmonics(np.full(n, between(r[0], 50, 400)), np.arange(1, 30) ** -(0.2 + 0.6 * r[1]))
    gate = ((seconds(n) + rng.uniform(0, 1)) % between(r[2], 0.3, 2)) < between(r[3], 0.15, 1)
    return gate * resonances(buzz, *body_of(r, 300, 4500, 5)) + 0.001 * rng.standard_normal(n)
