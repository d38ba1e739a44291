"""Water, heat and weather."""

from __future__ import annotations

import numpy as np

from corpus import SAMPLE_RATE
from dsp import Array, band, between, events, grains, harmonics, noise, place, resonances, seconds, wander
from families.recipe import body_of, bubbles, family


@family
def boiling_water(r: Array, rng: np.random.Generator, n: int) -> Array:
    blub = bubbles(r, rng, n, between(r[0], 15, 110), between(r[1], 120, 450), between(r[2], 600, 2500))
    rumble = noise(rng, n, 0.6 + 0.6 * r[3])
    rumble = band(rumble, 60, between(r[5], 700, 5000), 1) * wander(rng, n, 12, 0.3)
    return blub / (blub.std() + 1e-9) + between(r[4], 0.2, 4) * rumble / rumble.std()


@family
def kettle(r: Array, rng: np.random.Generator, n: int) -> Array:
    hiss = noise(rng, n, 0.3 + 0.6 * r[0]) * wander(rng, n, 15, 0.15 + 0.3 * r[1])
    hiss = band(hiss, between(r[2], 80, 600), between(r[3], 1800, 7500), 1)
    crackle = grains(rng, n, between(r[4], 20, 300), 0.003, 0.8) * noise(rng, n, 0.5)
    return hiss / hiss.std() + between(r[5], 0.1, 1) * crackle / (crackle.std() + 1e-9)


@family
def frying(r: Array, rng: np.random.Generator, n: int) -> Array:
    sizzle = band(noise(rng, n), between(r[0], 900, 3500), between(r[1], 5500, 7700), 1)
    sizzle *= wander(rng, n, 20, 0.1 + 0.3 * r[2])
    spit = grains(rng, n, between(r[3], 15, 350), between(r[4], 0.0006, 0.006), 1.2)
    spit = band(spit * rng.standard_normal(n), between(r[5], 500, 2500), 7700, 1)
    return sizzle / sizzle.std() + between(r[6], 0.2, 4) * spit / (spit.std() + 1e-9)


@family
def fire_crackling(r: Array, rng: np.random.Generator, n: int) -> Array:
    roar = noise(rng, n, 0.9 + 0.5 * r[0]) * wander(rng, n, 6, 0.3)
    snap = grains(rng, n, between(r[1], 3, 50), between(r[2], 0.001, 0.008), 1.4)
    snap = band(snap * rng.standard_normal(n), between(r[3], 300, 1800), 7700, 1)
    return between(r[4], 0.05, 0.8) * roar / roar.std() + snap / (snap.std() + 1e-9)


@family
def water_tap(r: Array, rng: np.random.Generator, n: int) -> Array:
    jet = band(noise(rng, n, 0.2 + 0.5 * r[0]), between(r[1], 200, 1500), between(r[2], 3000, 7700), 1)
    basin = resonances(jet, *body_of(r, 200, 2500, 4))
    splash = bubbles(r, rng, n, between(r[3], 20, 120), 400, between(r[4], 1500, 5000))
    return (
        jet / jet.std()
        + between(r[5], 0.2, 2) * basin / basin.std()
        + between(r[6], 0.1, 1.5) * splash / (splash.std() + 1e-9)
    )


@family
def pouring(r: Array, rng: np.random.Generator, n: int) -> Array:
    rising = between(r[0], 250, 700) * (1 + between(r[1], 0.1, 1.5) * seconds(n))
    tone = harmonics(rising * wander(rng, n, 30, 0.03), np.array([1, 0.3, 0.5, 0.2])) * noise(rng, n, 0.4)
    gulp = bubbles(r, rng, n, between(r[2], 10, 90), between(r[3], 250, 700), 2600)
    rush = noise(rng, n, 0.4)
    return (
        tone / tone.std()
        + between(r[4], 0.2, 2) * gulp / (gulp.std() + 1e-9)
        + between(r[5], 0.1, 1) * rush / rush.std()
    )


@family
def rain(r: Array, rng: np.random.Generator, n: int) -> Array:
    drops = grains(rng, n, between(r[0], 80, 2500), between(r[1], 0.0005, 0.004), 1.0) * rng.standard_normal(n)
    drops = resonances(drops, *body_of(r, 400, 6000, 4)) + 0.4 * band(drops, between(r[2], 300, 2500), 7700, 1)
    wash = noise(rng, n, 0.1 + 0.6 * r[3])
    return drops / (drops.std() + 1e-9) + between(r[4], 0.1, 3) * wash / wash.std()


@family
def shower(r: Array, rng: np.random.Generator, n: int) -> Array:
    spray = band(noise(rng, n, 0.3 * r[0]), between(r[1], 300, 1800), 7700, 1)
    tiles = resonances(spray, *body_of(r, 250, 3000, 6))
    patter = grains(rng, n, between(r[2], 200, 2500), 0.002, 0.7) * rng.standard_normal(n)
    return (
        spray / spray.std()
        + between(r[3], 0.1, 1) * tiles / tiles.std()
        + between(r[4], 0.1, 1) * patter / patter.std()
    )


@family
def dripping(r: Array, rng: np.random.Generator, n: int) -> Array:
    out = between(r[6], 0.001, 0.03) * noise(rng, n, 0.5)
    pitch = between(r[0], 500, 3200)
    for start in events(rng, n, between(r[1], 0.18, 1.1), 0.6 + 0.4 * r[2]):
        t = seconds(int(0.12 * SAMPLE_RATE))
        glide = pitch * (1 + rng.uniform(-0.08, 0.08)) * (1 + between(r[3], 0.5, 12) * t)
        drop = np.sin(2 * np.pi * np.cumsum(glide) / SAMPLE_RATE) * np.exp(-t / between(r[4], 0.006, 0.04))
        place(out, drop, start, float(rng.uniform(0.5, 1)))
    return out


@family
def sea_waves(r: Array, rng: np.random.Generator, n: int) -> Array:
    swell = (
        0.25 + 0.75 * (0.5 + 0.5 * np.sin(2 * np.pi * between(r[0], 0.1, 0.5) * seconds(n) + rng.uniform(0, 6))) ** 2
    )
    low = noise(rng, n, 0.8 + 0.5 * r[1])
    foam = band(noise(rng, n), between(r[2], 700, 2500), 7700, 1) * swell
    return swell * low / low.std() + between(r[3], 0.1, 1.5) * foam / foam.std()


@family
def wind(r: Array, rng: np.random.Generator, n: int) -> Array:
    gust = wander(rng, n, between(r[0], 0.8, 5), 0.4)
    air = resonances(noise(rng, n, 0.7 + 0.5 * r[1]), *body_of(r, 120, 1400, 4))
    whistle = harmonics(between(r[2], 250, 1200) * gust**0.15, np.array([1.0, 0.2]))
    return gust * air / air.std() + 0.5 * r[3] ** 3 * gust * whistle


@family
def thunder(r: Array, rng: np.random.Generator, n: int) -> Array:
    envelope = grains(rng, n, between(r[0], 4, 20), between(r[1], 0.08, 0.5), 0.8)
    return envelope * (noise(rng, n, 1.0 + 0.4 * r[2]) + 0.3 * r[3] * noise(rng, n, 0.4))
