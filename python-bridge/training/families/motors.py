"""Motors and appliances."""

from __future__ import annotations

import numpy as np

from corpus import SAMPLE_RATE
from dsp import Array, band, between, grains, harmonics, noise, resonances, seconds, wander
from families.recipe import body_of, bubbles, family


def rotating(r: Array, rng: np.random.Generator, n: int, low: float, high: float) -> Array:
    speed = between(r[0], low, high) * wander(rng, n, 1.5, 0.004 + 0.02 * r[1])
    order = np.arange(1, 25)
    fixed = np.random.default_rng(int(np.clip(r[-1], 0, 1) * 40) + 3)
    amplitudes = order ** -(0.3 + 1.5 * r[2]) * (0.2 + fixed.random(24))
    hum = harmonics(speed, amplitudes, float(rng.uniform(0, 6)))
    rush = noise(rng, n, 0.2 + 0.8 * r[3]) * (1 + 0.5 * np.sin(2 * np.pi * np.cumsum(speed) / SAMPLE_RATE))
    return hum / (hum.std() + 1e-9) + between(r[4], 0.05, 3) * rush / (rush.std() + 1e-9)


@family
def motor(r: Array, rng: np.random.Generator, n: int) -> Array:
    return resonances(rotating(r, rng, n, 25, 160), *body_of(r, 90, 3500, 7))


@family
def vacuum_cleaner(r: Array, rng: np.random.Generator, n: int) -> Array:
    r = r.copy()
    r[4] = 0.6 + 0.4 * r[4]
    return resonances(rotating(r, rng, n, 150, 420), *body_of(r, 200, 5000, 6))


@family
def hair_dryer(r: Array, rng: np.random.Generator, n: int) -> Array:
    whine = harmonics(between(r[5], 500, 1400) * wander(rng, n, 1, 0.003), np.array([1, 0.4, 0.3]))
    air = band(noise(rng, n, 0.4 * r[3]), between(r[6], 150, 700), between(r[7], 2500, 7000))
    return between(r[8], 0.03, 0.5) * whine + air / air.std()


@family
def kitchen_mixer(r: Array, rng: np.random.Generator, n: int) -> Array:
    load = wander(rng, n, 5, 0.03 + 0.08 * r[5])
    speed = between(r[0], 80, 380) * load
    teeth = harmonics(speed, (np.arange(1, 22) ** -(0.1 + r[2])) * (0.3 + r[3] * np.tile([1, 0.2, 0.6], 7)))
    chop = grains(rng, n, between(r[6], 8, 90), 0.004, 0.8) * noise(rng, n, 0.3)
    air = noise(rng, n, 0.6)
    mixed = teeth / teeth.std() + between(r[7], 0.1, 2) * chop / (chop.std() + 1e-9) + 0.4 * air / air.std()
    return resonances(mixed, *body_of(r, 200, 6000, 8)) + 0.1 * mixed


@family
def drill(r: Array, rng: np.random.Generator, n: int) -> Array:
    speed = between(r[0], 60, 300) * wander(rng, n, 4, 0.02 + 0.1 * r[5])
    saw = harmonics(speed, np.arange(1, 26) ** -(0.2 + 0.6 * r[2]))
    grind = band(noise(rng, n), 1500, between(r[3], 3000, 7500)) * (1 + np.clip(saw, -1, 3))
    return saw / saw.std() + between(r[4], 0.1, 1.5) * grind / (grind.std() + 1e-9)


@family
def saw_engine(r: Array, rng: np.random.Generator, n: int) -> Array:
    """Two-stroke engines: a train of bursts through a hard body."""
    throttle = np.repeat(wander(rng, n // 100 + 1, 300 * (0.5 + r[5]), 0.02 + 0.15 * r[6]), 100)[:n]
    phase = np.cumsum(between(r[0], 35, 160) * throttle) / SAMPLE_RATE
    burst = np.exp(-(phase % 1.0) * (3 + 12 * r[1])) * (1 + 0.3 * rng.standard_normal(n))
    sound = resonances(burst - burst.mean(), *body_of(r, 120, 5500, 9))
    return np.tanh(sound / (sound.std() + 1e-9) * between(r[2], 0.5, 3))


@family
def engine_idle(r: Array, rng: np.random.Generator, n: int) -> Array:
    phase = np.cumsum(between(r[0], 9, 45) * wander(rng, n, 3, 0.02 + 0.05 * r[5])) / SAMPLE_RATE
    beat = np.exp(-(phase % 1.0) * (4 + 20 * r[1])) * (1 + (0.2 + r[2]) * ((phase // 1) % 4 == 0))
    sound = resonances(beat * (1 + 0.4 * noise(rng, n, 0.5)), *body_of(r, 45, 1800, 7))
    return sound / (sound.std() + 1e-9) + between(r[3], 0.02, 0.4) * noise(rng, n, 0.7)


@family
def helicopter(r: Array, rng: np.random.Generator, n: int) -> Array:
    phase = np.cumsum(between(r[0], 8, 26) * wander(rng, n, 1, 0.01)) / SAMPLE_RATE
    chop = np.exp(-(((phase % 1.0) - 0.5) ** 2) * between(r[1], 15, 120))
    rotor = chop * noise(rng, n, 0.4 + 0.8 * r[2]) + 0.7 * r[3] * resonances(chop - chop.mean(), *body_of(r, 50, 400))
    whine = harmonics(between(r[4], 300, 2200) * wander(rng, n, 1, 0.004), np.array([1, 0.5, 0.3, 0.2]))
    return rotor / rotor.std() + between(r[5], 0.02, 0.5) * whine + between(r[6], 0.03, 0.5) * noise(rng, n, 0.5)


@family
def fan(r: Array, rng: np.random.Generator, n: int) -> Array:
    air = noise(rng, n, 0.2 + 0.9 * r[0])
    air = air / air.std() + 0.8 * resonances(air, *body_of(r, 90, 3500, 4))
    blade = 1 + (0.02 + 0.5 * r[1] ** 2) * np.sin(2 * np.pi * between(r[2], 12, 120) * seconds(n))
    hum = harmonics(np.full(n, between(r[3], 50, 320)), np.array([1, 0.6, 0.3, 0.2, 0.1]))
    return band(air, 40, between(r[4], 1500, 7700), 1) * blade + between(r[5], 0.01, 0.6) * hum


@family
def extractor_hood(r: Array, rng: np.random.Generator, n: int) -> Array:
    r = r.copy()
    r[0], r[4] = 0.3 * r[0], 0.5 + 0.5 * r[4]
    return fan(r, rng, n) + between(r[6], 0.02, 0.3) * motor(r, rng, n)


@family
def fridge_hum(r: Array, rng: np.random.Generator, n: int) -> Array:
    mains = 100.0 if r[0] < 0.7 else 120.0
    amplitudes = np.arange(1, 13) ** -(0.5 + 1.5 * r[1]) * (0.2 + np.random.default_rng(int(r[-1] * 40)).random(12))
    hum = harmonics(np.full(n, mains / 2), amplitudes, float(rng.uniform(0, 6)))
    rattle = grains(rng, n, 50, 0.002, 0.3) * (r[2] > 0.6)
    rush = noise(rng, n, 0.6)
    return hum / hum.std() + 0.2 * rattle + between(r[3], 0.02, 0.7) * rush / rush.std()


@family
def pump(r: Array, rng: np.random.Generator, n: int) -> Array:
    phase = np.cumsum(between(r[0], 1.2, 14) * wander(rng, n, 1, 0.02)) / SAMPLE_RATE % 1.0
    stroke = np.exp(-phase * (2 + 8 * r[1])) + 0.6 * r[2] * np.exp(-((phase - 0.5) ** 2) * 90)
    hiss = band(noise(rng, n, 0.3), between(r[3], 80, 900), between(r[4], 1500, 6500))
    thud = resonances(np.maximum(np.diff(stroke, prepend=0.0), 0), *body_of(r, 60, 900, 4))
    return stroke * hiss / hiss.std() + between(r[5], 0.1, 2) * thud / (thud.std() + 1e-9)


@family
def washing_machine(r: Array, rng: np.random.Generator, n: int) -> Array:
    turn = 0.5 + 0.5 * np.sin(2 * np.pi * between(r[5], 0.7, 3) * seconds(n) + rng.uniform(0, 6))
    slosh = band(noise(rng, n, 0.6), 150, between(r[6], 900, 5000)) * turn**2
    hum = rotating(r, rng, n, 30, 120) * (0.6 + 0.4 * turn)
    return hum / hum.std() + between(r[7], 0.2, 3) * slosh / (slosh.std() + 1e-9)


@family
def dishwasher(r: Array, rng: np.random.Generator, n: int) -> Array:
    arm = 0.55 + 0.45 * np.sin(2 * np.pi * between(r[5], 0.3, 1.5) * seconds(n) + rng.uniform(0, 6))
    spray = band(noise(rng, n, 0.5), between(r[6], 100, 500), between(r[7], 1500, 6500)) * arm
    hum = harmonics(np.full(n, 50.0), np.arange(1, 9) ** -1.0)
    return spray / spray.std() + between(r[8], 0.05, 1) * hum


@family
def microwave_oven(r: Array, rng: np.random.Generator, n: int) -> Array:
    hum = harmonics(
        np.full(n, 50.0), (0.2 + np.random.default_rng(int(r[-1] * 40)).random(16)) / np.arange(1, 17) ** 0.7
    )
    return hum / hum.std() + between(r[0], 0.3, 2) * fan(r, rng, n)


@family
def coffee_machine(r: Array, rng: np.random.Generator, n: int) -> Array:
    vibration = harmonics(between(r[0], 48, 62) * wander(rng, n, 3, 0.01), np.arange(1, 40) ** -(0.2 + 0.5 * r[1]))
    hiss = band(noise(rng, n), between(r[2], 800, 3000), 7500) * wander(rng, n, 8, 0.2)
    gurgle = bubbles(r, rng, n, 10, 200, 900)
    return (
        vibration / vibration.std()
        + between(r[3], 0.1, 2) * hiss / hiss.std()
        + 0.6 * r[4] * gurgle / (gurgle.std() + 1e-9)
    )
