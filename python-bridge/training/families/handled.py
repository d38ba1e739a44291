"""Things hit, moved and handled."""

from __future__ import annotations

import numpy as np

from corpus import SAMPLE_RATE
from dsp import Array, band, between, grains, noise, place, resonances, seconds, wander
from families.recipe import body_of, family, repeated, struck


@family
def knocking(r: Array, rng: np.random.Generator, n: int) -> Array:
    return repeated(r, rng, n, lambda: struck(r, rng, 80, 420, between(r[5], 0.012, 0.06)), 0.14, 0.4)


@family
def clock_tick(r: Array, rng: np.random.Generator, n: int) -> Array:
    return repeated(r, rng, n, lambda: struck(r, rng, 900, 4500, between(r[5], 0.002, 0.015)), 0.2, 1.0)


@family
def mouse_click(r: Array, rng: np.random.Generator, n: int) -> Array:
    return repeated(r, rng, n, lambda: struck(r, rng, 1200, 5000, between(r[5], 0.001, 0.006)), 0.1, 0.6)


@family
def typing(r: Array, rng: np.random.Generator, n: int) -> Array:
    r = r.copy()
    r[7] *= 0.3
    return repeated(r, rng, n, lambda: struck(r, rng, 300, 3200, between(r[5], 0.002, 0.012)), 0.08, 0.25)


@family
def footsteps(r: Array, rng: np.random.Generator, n: int) -> Array:
    def step() -> Array:
        heel = struck(r, rng, 60, 260, between(r[5], 0.01, 0.04))
        scuff = band(noise(rng, len(heel), 0.2), 600, between(r[6], 2000, 7000)) * np.exp(
            -seconds(len(heel)) / between(r[10], 0.01, 0.08)
        )
        return heel + between(r[11], 0.1, 3) * scuff / (np.abs(scuff).max() + 1e-9)

    return repeated(r, rng, n, step, 0.3, 0.75)


@family
def chopping(r: Array, rng: np.random.Generator, n: int) -> Array:
    def cut() -> Array:
        board = struck(r, rng, 120, 700, between(r[5], 0.008, 0.04))
        blade = band(noise(rng, len(board)), 2000, 7500) * np.exp(-seconds(len(board)) / 0.008)
        return board + between(r[10], 0.1, 2) * blade / (np.abs(blade).max() + 1e-9)

    return repeated(r, rng, n, cut, 0.12, 0.6)


@family
def dishes(r: Array, rng: np.random.Generator, n: int) -> Array:
    """Plates and cups: a few bright pieces hit at random."""

    def clink() -> Array:
        piece = r.copy()
        piece[0] = np.clip(r[0] + 0.25 * rng.standard_normal(), 0, 1)
        piece[-1] = np.clip(r[-1] + rng.choice([0.0, 0.03, 0.06]), 0, 1)
        return struck(piece, rng, 700, 3800, between(r[5], 0.015, 0.16))

    r = r.copy()
    r[7] *= 0.2
    return repeated(r, rng, n, clink, 0.1, 0.5)


@family
def cutlery(r: Array, rng: np.random.Generator, n: int) -> Array:
    def clatter() -> Array:
        piece = r.copy()
        piece[0] = np.clip(r[0] + 0.3 * rng.standard_normal(), 0, 1)
        return struck(piece, rng, 1400, 5200, between(r[5], 0.01, 0.2))

    r = r.copy()
    r[7] *= 0.15
    return repeated(r, rng, n, clatter, 0.05, 0.3)


@family
def keys_jingle(r: Array, rng: np.random.Generator, n: int) -> Array:
    def key() -> Array:
        piece = r.copy()
        piece[0] = rng.random()
        return struck(piece, rng, 2500, 6500, between(r[5], 0.01, 0.08))

    return repeated(r, rng, n, key, 0.025, 0.1)


@family
def glass_clink(r: Array, rng: np.random.Generator, n: int) -> Array:
    return repeated(r, rng, n, lambda: struck(r, rng, 1200, 4500, between(r[5], 0.08, 0.5)), 0.3, 1.2)


@family
def bell(r: Array, rng: np.random.Generator, n: int) -> Array:
    return repeated(r, rng, n, lambda: struck(r, rng, 350, 2800, between(r[5], 0.15, 0.9)), 0.3, 1.6)


@family
def drawer(r: Array, rng: np.random.Generator, n: int) -> Array:
    """A slide that ends in a thud (or begins with one)."""
    length = int(between(r[0], 0.25, 1.0) * SAMPLE_RATE)
    speed = np.sin(np.linspace(0.15, np.pi, length)) ** (0.5 + r[1])
    rub = resonances(noise(rng, length, 0.5) * speed * wander(rng, length, 40, 0.4), *body_of(r, 120, 3500, 7))
    rub = rub / (rub.std() + 1e-9)
    out = 0.004 * noise(rng, n, 0.5)
    start = int(rng.uniform(0, 0.3) * SAMPLE_RATE)
    place(out, rub * between(r[2], 0.1, 0.8), start, 1.0)
    thud = struck(r, rng, 60, 380, between(r[5], 0.02, 0.08))
    place(out, thud / np.abs(thud).max(), start + (length if r[3] > 0.4 else 0), between(r[4], 0.5, 4))
    return out


@family
def door_slam(r: Array, rng: np.random.Generator, n: int) -> Array:
    latch = struck(np.roll(r, 3), rng, 500, 3000, 0.01)
    thud = struck(r, rng, 45, 220, between(r[5], 0.03, 0.15))
    out = 0.003 * noise(rng, n, 0.5)
    start = int(rng.uniform(0.02, 0.4) * SAMPLE_RATE)
    place(out, latch / np.abs(latch).max(), start, between(r[6], 0.05, 0.8))
    place(out, thud / np.abs(thud).max(), start + int(between(r[8], 0.01, 0.15) * SAMPLE_RATE), 1.0)
    return out


@family
def creak(r: Array, rng: np.random.Generator, n: int) -> Array:
    rate = between(r[0], 15, 140) * np.interp(seconds(n), [0, 0.4, 1, 2], 0.6 + r[1:5]) * wander(rng, n, 6, 0.15)
    stick = np.diff(np.floor(np.cumsum(rate) / SAMPLE_RATE), prepend=0.0) * rng.uniform(0.5, 1, n)
    return resonances(stick, *body_of(r, 250, 4500, 6)) + 1e-5 * rng.standard_normal(n)


@family
def paper_rustle(r: Array, rng: np.random.Generator, n: int) -> Array:
    motion = grains(rng, n, between(r[0], 2, 12), between(r[1], 0.03, 0.2), 0.6)
    crisp = grains(rng, n, between(r[2], 150, 1500), 0.001, 1.2) * rng.standard_normal(n)
    return motion * band(crisp, between(r[3], 400, 2500), between(r[4], 4500, 7700), 1) + 1e-4 * rng.standard_normal(n)


@family
def scraping(r: Array, rng: np.random.Generator, n: int) -> Array:
    stroke = np.abs(np.sin(np.pi * between(r[0], 0.8, 4) * seconds(n) + rng.uniform(0, 3))) ** (0.5 + 2 * r[1])
    return stroke * resonances(noise(rng, n, -0.1 + 0.5 * r[2]), *body_of(r, 500, 6500, 8))


@family
def whoosh(r: Array, rng: np.random.Generator, n: int) -> Array:
    out = np.zeros(n)
    length = int(between(r[0], 0.15, 0.9) * SAMPLE_RATE)
    shape = np.sin(np.linspace(0, np.pi, length)) ** (1 + 3 * r[1])
    steps = 6
    sweep = np.zeros(length)
    for k in range(steps):
        centre = between(r[2], 250, 1500) * (1 + between(r[3], 0.2, 4) * np.sin(np.pi * k / (steps - 1)))
        window = np.exp(-((np.linspace(0, steps - 1, length) - k) ** 2) * 2)
        sweep += window * band(noise(rng, length), centre * 0.6, centre * 1.6)
    place(out, shape * sweep, int(rng.uniform(0, 0.5) * SAMPLE_RATE), 1.0)
    return out + 1e-4 * rng.standard_normal(n)
