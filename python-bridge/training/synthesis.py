"""Procedural sounds for what recordings lack: motors, water, pans, appliances, coughs, beeps.

Each family is a function from a *recipe* (a point in the unit cube) and a random generator to
samples. A recipe says what stays the same between two hearings (the motor's speed, the pan's
crackle); the generator fills in what never repeats. Variants of one recipe are the recipe moved a
little and played again, so a pair of variants is one sound heard twice.

`patches` are different: random synthesiser patches that resemble nothing, each its own class.
Telling many such near neighbours apart teaches what names never could.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, sosfilt

from corpus import SAMPLE_RATE, Clip

Array = NDArray[np.float64]
Family = Callable[[Array, np.random.Generator, int], Array]
RECIPE_SIZE = 14
VARIANTS, VARIANT_SECONDS = 3, 1.8

FAMILIES: dict[str, Family] = {}


def family(generate: Family) -> Family:
    FAMILIES[generate.__name__] = generate
    return generate


def between(u: float, low: float, high: float) -> float:
    """A parameter on a logarithmic scale, as ears hear most of them."""
    return float(low * (high / low) ** float(np.clip(u, 0, 1)))


def seconds(n: int) -> Array:
    return np.arange(n) / SAMPLE_RATE


def noise(rng: np.random.Generator, n: int, slope: float = 0.0) -> Array:
    """Noise whose power falls by `slope` x 6 dB an octave (0 white, 1 brown-ish)."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    frequency = np.maximum(np.fft.rfftfreq(n, 1 / SAMPLE_RATE), 40.0)
    return np.fft.irfft(spectrum * (frequency / 1000.0) ** -slope, n)


def band(x: Array, low: float, high: float, order: int = 2) -> Array:
    low, high = max(low, 25.0), min(high, 7800.0)
    sos = butter(order, [low, max(high, low * 1.05)], "bandpass", fs=SAMPLE_RATE, output="sos")
    return np.asarray(sosfilt(sos, x))


def resonances(x: Array, frequencies: Array, widths: Array, gains: Array) -> Array:
    """A body: parallel two-pole resonators over the source."""
    out = np.zeros_like(x)
    for frequency, width, gain in zip(frequencies, widths, gains, strict=True):
        frequency = min(float(frequency), 7600.0)
        radius = np.exp(-np.pi * float(width) / SAMPLE_RATE)
        angle = 2 * np.pi * frequency / SAMPLE_RATE
        poles = [1.0, -2 * radius * np.cos(angle), radius * radius]
        out += float(gain) * lfilter([1 - radius, 0.0, -(1 - radius)], poles, x)
    return out


def body_of(recipe: Array, low: float, high: float, count: int = 5) -> tuple[Array, Array, Array]:
    """A body drawn from the recipe itself: the same recipe always has the same resonances."""
    fixed = np.random.default_rng(int(np.clip(recipe[-1], 0, 1) * 40) + 1)
    frequencies = low * (high / low) ** fixed.random(count) * (0.97 + 0.06 * recipe[-2])
    return frequencies, frequencies * (0.02 + 0.25 * fixed.random(count)), 0.3 + fixed.random(count)


def wander(rng: np.random.Generator, n: int, rate: float, depth: float) -> Array:
    """Slow random drift around 1."""
    points = max(4, int(n / SAMPLE_RATE * rate) + 3)
    path = np.interp(np.linspace(0, points - 1, n), np.arange(points), rng.standard_normal(points))
    return np.exp(depth * path)


def grains(rng: np.random.Generator, n: int, per_second: float, decay: float, spread: float = 1.0) -> Array:
    """Random impulses of log-normal strength with an exponential tail: crackle, drops, boiling."""
    count = rng.poisson(max(per_second * n / SAMPLE_RATE, 1.0))
    impulses = np.zeros(n)
    places = rng.integers(0, n, count)
    np.add.at(impulses, places, np.exp(spread * rng.standard_normal(count)))
    tail = int(min(decay * 6, 0.5) * SAMPLE_RATE) + 2
    kernel = np.exp(-np.arange(tail) / (decay * SAMPLE_RATE))
    return np.convolve(impulses, kernel)[:n]


def harmonics(frequency: Array, amplitudes: Array, phase: float = 0.0) -> Array:
    turn = 2 * np.pi * np.cumsum(frequency) / SAMPLE_RATE + phase
    out = np.zeros(len(frequency))
    for k, amplitude in enumerate(amplitudes, start=1):
        if amplitude and float(frequency.max()) * k < 7800:
            out += amplitude * np.sin(k * turn + 1.7 * k * k)
    return out


def events(rng: np.random.Generator, n: int, gap: float, regular: float) -> list[int]:
    """Starts of repeated events, `gap` seconds apart, more or less regularly."""
    starts, at = [], float(rng.uniform(0, min(gap, 0.3)))
    while at < n / SAMPLE_RATE - 0.05:
        starts.append(int(at * SAMPLE_RATE))
        at += gap * float(np.exp((1 - regular) * 0.6 * rng.standard_normal()))
    return starts


def place(out: Array, event: Array, start: int, gain: float) -> None:
    end = min(len(out), start + len(event))
    if start >= end:
        return
    out[start:end] += gain * event[: end - start]


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


# Motors and appliances ---------------------------------------------------------------------------


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


# Water, heat, weather ----------------------------------------------------------------------------


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


# Things hit, moved and handled -------------------------------------------------------------------


def repeated(r: Array, rng: np.random.Generator, n: int, hit: Callable[[], Array], low: float, high: float) -> Array:
    out = 10 ** (-3.2 + r[9]) * noise(rng, n, 0.6)
    for start in events(rng, n, between(r[8], low, high), 0.3 + 0.7 * r[7]):
        sound = hit()
        place(out, sound / (np.abs(sound).max() + 1e-9), start, float(rng.uniform(0.4, 1)))
    return out


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


# Signals -----------------------------------------------------------------------------------------


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


# Voices of bodies and animals --------------------------------------------------------------------


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


# Patches -----------------------------------------------------------------------------------------


def patch(r: Array, rng: np.random.Generator, n: int) -> Array:
    """A random little synthesiser: two oscillators, noise, a filter and two modulations."""
    t = seconds(n)
    base = between(r[0], 40, 3500)
    modulation = np.sin(2 * np.pi * between(r[1], 0.5, 60) * t + rng.uniform(0, 6))
    pitch = base * 2 ** ((0.7 * r[2] ** 3) * modulation + (r[3] - 0.5) * 1.2 * t)
    index = between(r[4], 0.01, 6)
    turn = 2 * np.pi * np.cumsum(np.clip(pitch, 20, 7600)) / SAMPLE_RATE
    tone = np.sin(turn + index * np.sin(turn * (0.25 + 4 * r[5])))
    hiss = band(rng.standard_normal(n), between(r[6], 60, 3000), between(r[6], 60, 3000) * between(r[7], 1.2, 12))
    sound = (1 - r[8]) * tone + r[8] * hiss / (hiss.std() + 1e-9)
    if r[9] < 0.35:
        rate = between(r[9] / 0.35, 1.5, 25)
        phase = (t * rate + rng.uniform(0, 1)) % 1.0
        envelope = np.exp(-phase / rate / between(r[10], 0.01, 0.4))
    elif r[9] < 0.65:
        envelope = np.exp(-t / between(r[10], 0.03, 1.0)) * np.minimum(1, t / between(r[11], 0.001, 0.2))
    else:
        envelope = 1 + 0.9 * r[10] * np.sin(2 * np.pi * between(r[11], 0.5, 40) * t + rng.uniform(0, 6))
    return sound * envelope + 1e-4 * rng.standard_normal(n)


def variant_of(recipe: Array, rng: np.random.Generator, step: float) -> Array:
    return np.clip(recipe + step * rng.standard_normal(len(recipe)), 0, 1)


def synthetic_clips(seed: int, recipes: int = 240, patches: int = 6000) -> Iterator[Clip]:
    """Every family in many recipes, then the patches, made by all cores.

    Half of the recipes go by the family's name (any fan is a fan), half by a name of their own (this
    very fan): a memory has to do both. The body's seed (the last number of a recipe) is kept. Names
    begin with `made_`, so that a made rain is neither pulled to recorded rain nor pushed from it.
    """
    tasks = [(seed, name, i) for name in FAMILIES for i in range(recipes)]
    tasks += [(seed, "patch", i) for i in range(patches)]
    with ProcessPoolExecutor() as pool:
        for clips in pool.map(variants, tasks, chunksize=32):
            yield from clips


def variants(task: tuple[int, str, int]) -> list[Clip]:
    """One recipe, heard a few times."""
    seed, name, i = task
    rng = np.random.default_rng((seed, *name.encode(), i))
    recipe = rng.random(RECIPE_SIZE)
    generate, step, label, kept = patch, 0.03, f"patch_{i}", RECIPE_SIZE
    if name != "patch":
        generate, step, kept = FAMILIES[name], 0.035, RECIPE_SIZE - 1
        label = f"made_{name}" if i % 2 == 0 else f"made_{name}_recipe_{i}"
    clips = []
    for _ in range(VARIANTS):
        moved = variant_of(recipe, rng, step)
        moved[kept:] = recipe[kept:]
        samples = generate(moved, rng, int(VARIANT_SECONDS * SAMPLE_RATE)).astype(np.float32)
        clips.append(Clip(samples, label, f"synthesis/{name}/{i}", "synthetic", "synthesis"))
    return clips
