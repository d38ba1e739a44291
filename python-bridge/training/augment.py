"""What happens to a sound between the day it is stored and the day it is heard again.

Everything linear (equaliser, band limits, rooms) is one multiplication in the frequency domain for
the whole batch, and noise floors are drawn there directly: on two cores the augmentation must not
take the time that training needs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from corpus import SAMPLE_RATE

TAIL = 4000
EQ_POINTS = np.array([50.0, 150, 350, 700, 1400, 2800, 5000, 8000])


def synthetic_room(rng: np.random.Generator) -> NDArray[np.float32]:
    """Direct sound, a few early reflections, a tail that loses its highs first."""
    decay = rng.uniform(0.05, 0.5)
    n = int(min(decay, 0.35) * SAMPLE_RATE)
    t = np.arange(n) / SAMPLE_RATE
    tail = rng.standard_normal(n) * np.exp(-6.9 * t / decay)
    darkness = rng.uniform(0.1, 0.75)
    tail = darkness * np.convolve(tail, np.ones(4) / 2, mode="same") + (1 - darkness) * tail
    tail[: int(rng.uniform(0.001, 0.012) * SAMPLE_RATE)] = 0
    response = tail / (np.sqrt((tail**2).sum()) + 1e-9) * rng.uniform(0.2, 1.1)
    response[0] += 1.0
    for _ in range(rng.integers(2, 8)):
        response[rng.integers(10, min(n, 700))] += rng.uniform(-0.5, 0.5)
    return response.astype(np.float32)


def untouched_share(step: int) -> float:
    """Crops that stay as they were recorded: half of them at first, a fifth later.

    With every crop changed from the start, a network finds nothing alike and barely learns. Later,
    some stay because memories are often stored in quiet and asked for in noise.
    """
    return 0.2 + 0.3 * float(np.exp(-step / 400))


class Augmenter:
    """Applies a random chain to a batch of crops, each crop its own."""

    def __init__(self, rooms: list[NDArray[np.float32]], crop: int, seed: int, made_rooms: int = 200) -> None:
        rng = np.random.default_rng(seed)
        self.crop = crop
        self.size = fft.next_fast_len(crop + TAIL, real=True)
        self.frequency = np.fft.rfftfreq(self.size, 1 / SAMPLE_RATE)
        responses = [*rooms, *(synthetic_room(rng) for _ in range(made_rooms))]
        self.rooms = np.stack([fft.rfft(r[:TAIL], self.size) for r in responses]).astype("c8")
        # Each equaliser point's triangle on a logarithmic axis, so a curve is one small product.
        axis = np.log(np.maximum(self.frequency, 20))
        points = np.log(EQ_POINTS)
        self.eq_basis = np.stack([np.interp(axis, points, row) for row in np.eye(len(EQ_POINTS))]).astype(np.float32)
        pink = np.maximum(self.frequency, 60.0) ** -0.5
        self.noise_shapes = np.stack([np.ones_like(pink), pink, pink**2])
        self.noise_shapes /= np.sqrt((self.noise_shapes**2).mean(axis=1, keepdims=True))

    def __call__(
        self, crops: NDArray[np.float32], partner: NDArray[np.int64], rng: np.random.Generator, untouched: float
    ) -> NDArray[np.float32]:
        """`partner[i]` is the crop that may be mixed under crop `i`."""
        batch = len(crops)
        touched = rng.random(batch) >= untouched
        crops = crops / (np.sqrt((crops**2).mean(axis=1, keepdims=True)) + 1e-6)
        spectrum = fft.rfft(crops, self.size, axis=1)

        gain_db = np.zeros((batch, len(EQ_POINTS)), dtype=np.float32)
        equalised = touched & (rng.random(batch) < 0.5)
        gain_db[equalised] = rng.normal(0, 4.0, (int(equalised.sum()), len(EQ_POINTS)))
        response = np.exp((np.log(10) / 20) * gain_db @ self.eq_basis).astype(np.complex64)

        roomy = np.flatnonzero(touched & (rng.random(batch) < 0.35))
        room = self.rooms[rng.integers(0, len(self.rooms), len(roomy))]
        dry = rng.uniform(0, 0.6, (len(roomy), 1)).astype(np.float32)
        response[roomy] *= (1 - dry) * room + dry

        for i in np.flatnonzero(touched & (rng.random(batch) < 0.25)):  # low-pass: small loudspeakers, telephones
            edge = 1200 * 6 ** rng.random()
            response[i] /= np.sqrt(1 + (self.frequency / edge) ** rng.choice([4, 8]))
        for i in np.flatnonzero(touched & (rng.random(batch) < 0.15)):  # high-pass: small microphones
            edge = 60 * 8 ** rng.random()
            response[i] /= np.sqrt(1 + (edge / np.maximum(self.frequency, 1)) ** 4)
        spectrum *= response

        power = (np.abs(spectrum) ** 2).mean(axis=1, keepdims=True) + 1e-9
        spectrum /= np.sqrt(power)
        mixed = np.flatnonzero(touched & (rng.random(batch) < 0.55))
        # Most mixtures are mild; a few are hard enough to hide the sound.
        below_db = 4 + 21 * rng.random((len(mixed), 1))
        spectrum[mixed] += (10 ** (-below_db / 20) * spectrum[partner[mixed]]).astype(np.complex64)

        noisy = touched & (rng.random(batch) < 0.5)
        floor_db = np.where(noisy[:, None], rng.uniform(-60, -18, (batch, 1)), -75.0)
        shape = self.noise_shapes[rng.integers(0, len(self.noise_shapes), batch)]
        phase = np.exp(2j * np.pi * rng.random((batch, len(self.frequency)), dtype=np.float32))
        spectrum += (10 ** (floor_db / 20) * shape).astype(np.float32) * phase.astype(np.complex64)

        samples = fft.irfft(spectrum, self.size, axis=1)[:, : self.crop]
        return samples / (np.abs(samples).max(axis=1, keepdims=True) + 1e-9)
