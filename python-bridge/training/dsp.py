"""Building blocks of made sounds: noise, bands, resonances, grains, harmonics, events."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, sosfilt

from corpus import SAMPLE_RATE

Array = NDArray[np.float64]


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
