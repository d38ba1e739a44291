"""Voices of bodies and animals."""

from __future__ import annotations

import numpy as np

from corpus import SAMPLE_RATE
from dsp import Array, band, between, grains, harmonics, noise, resonances, seconds, wander
from families.recipe import body_of, family, repeated


def throat(r: Array, rng: np.random.Generator, pitch: Array, breath: float, size: float) -> Array:
    """A glottal source and breath through formants."""
    n = len(pitch)
    voiced = harmonics(pitch, np.arange(1, 30) ** -(0.6 + r[6]))
    source = voiced / (voiced.std() + 1e-9) + breath * rng.standard_normal(n)
    formants = np.array([between(r[7], 350, 1000), between(r[8], 1000, 2200), 2800 + 800 * r[9], 4200 + 900 * r[10]])
    return resonances(
        source, formants / size, np.array([90, 130, 220, 400]) * (1 + r[11]), np.array([1, 0.8, 0.5, 0.3])
    )


@family
def cough(r: Array, rng: np.random.Generator, n: int) -> Array:
    def burst() -> Array:
        length = int(between(r[0], 0.16, 0.4) * SAMPLE_RATE * rng.uniform(0.85, 1.15))
        t = seconds(length)
        pitch = between(r[1], 90, 320) * np.exp(-1.5 * t) * wander(rng, length, 25, 0.05)
        shape = np.exp(-t / between(r[2], 0.04, 0.12)) + 0.25 * (t > 0.1) * np.exp(-((t - 0.16) ** 2) * 500)
        return throat(r, rng, pitch, between(r[3], 0.8, 5), 0.85 + 0.35 * r[4]) * shape

    return repeated(r, rng, n, burst, 0.35, 1.2)


@family
def person_sneeze(r: Array, rng: np.random.Generator, n: int) -> Array:
    def sneeze() -> Array:
        inhale = int(between(r[0], 0.1, 0.35) * SAMPLE_RATE)
        blast = int(between(r[1], 0.15, 0.45) * SAMPLE_RATE)
        t = seconds(blast)
        first = throat(r, rng, np.full(inhale, between(r[2], 120, 350)), 3, 1.0) * np.linspace(0.05, 0.4, inhale)
        out = band(rng.standard_normal(blast), between(r[3], 700, 2200), 7600, 1) * np.exp(-t / 0.1)
        voice = throat(r, rng, between(r[4], 150, 450) * np.exp(-2 * t), 0.5, 1.0) * np.exp(-t / 0.12)
        return np.concatenate(
            [
                first / (np.abs(first).max() + 1e-9) * 0.4,
                out / np.abs(out).max() + between(r[5], 0.2, 2) * voice / (np.abs(voice).max() + 1e-9),
            ]
        )

    return repeated(r, rng, n, sneeze, 0.8, 1.8)


@family
def snoring(r: Array, rng: np.random.Generator, n: int) -> Array:
    breath = np.maximum(0, np.sin(2 * np.pi * between(r[0], 0.25, 0.8) * seconds(n) + rng.uniform(0, 3)))
    flutter = between(r[1], 20, 75) * wander(rng, n, 5, 0.1)
    return breath * throat(r, rng, flutter, between(r[2], 0.2, 2), 1.1) + 0.01 * rng.standard_normal(n)


@family
def breathing(r: Array, rng: np.random.Generator, n: int) -> Array:
    phase = np.sin(2 * np.pi * between(r[0], 0.3, 1.2) * seconds(n) + rng.uniform(0, 6))
    air = resonances(rng.standard_normal(n), *body_of(r, 500, 4500, 5))
    return air * (np.maximum(phase, 0) ** 1.2 + (0.2 + 0.7 * r[1]) * np.maximum(-phase, 0) ** 1.5 + 0.01)


@family
def baby_cry(r: Array, rng: np.random.Generator, n: int) -> Array:
    def wail() -> Array:
        length = int(between(r[0], 0.4, 1.2) * SAMPLE_RATE)
        arc = np.sin(np.linspace(0.2, np.pi, length))
        pitch = between(r[1], 330, 620) * (1 + 0.25 * arc) * wander(rng, length, 30 * (0.3 + r[2]), 0.04)
        return throat(r, rng, pitch, between(r[3], 0.03, 0.5), 0.62) * arc**0.5

    return repeated(r, rng, n, wail, 0.6, 1.6)


@family
def dog_bark(r: Array, rng: np.random.Generator, n: int) -> Array:
    def bark() -> Array:
        length = int(between(r[0], 0.1, 0.3) * SAMPLE_RATE)
        t = np.linspace(0, 1, length)
        pitch = between(r[1], 180, 800) * (1 + 0.8 * np.sin(np.pi * t)) * wander(rng, length, 40, 0.06)
        return throat(r, rng, pitch, between(r[3], 0.2, 1.5), 0.7 + 0.6 * r[4]) * np.sin(np.pi * t) ** 0.6

    return repeated(r, rng, n, bark, 0.25, 1.0)


@family
def cat_meow(r: Array, rng: np.random.Generator, n: int) -> Array:
    def meow() -> Array:
        length = int(between(r[0], 0.35, 1.0) * SAMPLE_RATE)
        t = np.linspace(0, 1, length)
        pitch = between(r[1], 350, 850) * (1 + (0.2 + 0.5 * r[2]) * np.sin(np.pi * t**0.7))
        return throat(r, rng, pitch, between(r[3], 0.02, 0.3), 0.7) * np.sin(np.pi * t**0.6)

    return repeated(r, rng, n, meow, 0.6, 1.8)


@family
def bird_song(r: Array, rng: np.random.Generator, n: int) -> Array:
    fixed = np.random.default_rng(int(np.clip(r[-1], 0, 1) * 60) + 11)
    bends = fixed.uniform(-1, 1, 4)

    def note() -> Array:
        length = int(between(r[0], 0.04, 0.3) * SAMPLE_RATE)
        t = np.linspace(0, 1, length)
        bend = bends[0] * t + bends[1] * t**2 + 0.3 * bends[2] * np.sin(2 * np.pi * (2 + 20 * r[2]) * t)
        pitch = between(r[1], 1600, 4600) * 2 ** (0.6 * bend)
        return harmonics(pitch, np.array([1, 0.3 * r[5]])) * np.sin(np.pi * t)

    return repeated(r, rng, n, note, 0.07, 0.6)


@family
def insects(r: Array, rng: np.random.Generator, n: int) -> Array:
    chirp = np.sin(2 * np.pi * between(r[0], 15, 90) * seconds(n)) ** 2
    gate = ((seconds(n) + rng.uniform(0, 1)) % between(r[1], 0.3, 1.5)) < between(r[2], 0.1, 1.2)
    return gate * chirp * harmonics(
        between(r[3], 2200, 5500) * wander(rng, n, 2, 0.005), np.array([1.0, 0.3])
    ) + 0.01 * rng.standard_normal(n)


@family
def laughter(r: Array, rng: np.random.Generator, n: int) -> Array:
    def ha() -> Array:
        length = int(between(r[0], 0.08, 0.2) * SAMPLE_RATE)
        pitch = between(r[1], 120, 420) * wander(rng, length, 20, 0.05)
        return throat(r, rng, pitch, between(r[3], 0.2, 1.5), 0.8 + 0.35 * r[4]) * np.hanning(length)

    r = r.copy()
    r[7] = 0.8
    return repeated(r, rng, n, ha, 0.14, 0.3)


@family
def applause(r: Array, rng: np.random.Generator, n: int) -> Array:
    claps = grains(rng, n, between(r[0], 15, 500), between(r[1], 0.002, 0.008), 0.5) * rng.standard_normal(n)
    return resonances(claps, *body_of(r, 500, 3000, 4)) + 0.2 * claps


@family
def gunshot(r: Array, rng: np.random.Generator, n: int) -> Array:
    def shot() -> Array:
        t = seconds(int(0.6 * SAMPLE_RATE))
        crack = rng.standard_normal(len(t)) * np.exp(-t / between(r[0], 0.004, 0.03))
        rumble = noise(rng, len(t), 0.9) * np.exp(-t / between(r[1], 0.05, 0.25))
        return crack + between(r[2], 0.1, 2) * rumble / rumble.std()

    return repeated(r, rng, n, shot, 0.3, 2.0)
