"""What happens to a sound between the day it is stored and the day it is heard again.

Everything linear (equaliser, band limits, rooms) is one multiplication in the frequency domain for
the whole batch, and noise floors are drawn there directly, so that the same few lines serve a small
machine and a GPU.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from corpus import SAMPLE_RATE

#: Samples after the crop in which a room may ring before it would wrap around to the start.
TAIL = 8000
EQ_POINTS = (50.0, 150.0, 350.0, 700.0, 1400.0, 2800.0, 5000.0, 8000.0)
MADE_ROOMS = 400
#: Decibels by which the sound that is mixed under a crop stays below it.
MIX_DB = (1.0, 20.0)
#: Decibels by which the noise floor stays below the crop.
NOISE_DB = (4.0, 50.0)


def made_rooms(count: int, generator: torch.Generator) -> Tensor:
    """Direct sound, a few early reflections, a tail that loses its highs first: `[count, TAIL]`."""

    def between(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, 1, generator=generator)

    time = torch.arange(TAIL) / SAMPLE_RATE
    tail = torch.randn(count, TAIL, generator=generator) * torch.exp(-6.9 * time / between(0.05, 0.9))
    dull = torch.nn.functional.avg_pool1d(tail[:, None], 4, stride=1, padding=2)[:, 0, :TAIL] * 2
    darkness = between(0.1, 0.75)
    tail = darkness * dull + (1 - darkness) * tail
    tail = tail * (time >= between(0.001, 0.012))
    rooms = tail / (tail.square().sum(dim=1, keepdim=True).sqrt() + 1e-9) * between(0.2, 1.1)
    rooms[:, 0] += 1.0
    early = torch.randint(10, 700, (count, 6), generator=generator)
    return rooms.scatter_add(1, early, 0.8 * torch.rand(count, 6, generator=generator) - 0.4)


def untouched_share(step: int) -> float:
    """Crops that stay as they were recorded: half of them at first, a sixth later.

    With every crop changed from the start, a network finds nothing alike and barely learns. Later,
    some stay because memories are often stored in quiet and asked for in noise.
    """
    return 0.16 + 0.34 * math.exp(-step / 400)


@dataclass(frozen=True)
class Changed:
    samples: Tensor  # [batch, crop], peak 1
    under: Tensor  # [batch]: position in the batch of the crop that is mixed under, -1 where none is


class Augmenter:
    """Applies a random chain to a batch of crops, each crop its own."""

    def __init__(self, rooms: Tensor, crop: int, generator: torch.Generator) -> None:
        """`rooms`: measured impulse responses `[count, TAIL]`; everything happens on the generator's device."""
        self.generator, self.device, self.crop = generator, generator.device, crop
        self.size = good_size(crop + TAIL)
        frequency = torch.fft.rfftfreq(self.size, 1 / SAMPLE_RATE)
        self.frequency = frequency.to(self.device)
        made = made_rooms(MADE_ROOMS, torch.Generator().manual_seed(1))
        self.rooms = torch.fft.rfft(torch.cat([rooms, made]).to(self.device), self.size)
        # Each equaliser point's triangle on a logarithmic axis, so that a curve is one small product.
        axis, points = torch.log(frequency.clamp(min=50)), torch.log(torch.tensor(EQ_POINTS))
        place = torch.searchsorted(points, axis, right=True).clamp(1, len(EQ_POINTS) - 1)
        part = ((axis - points[place - 1]) / (points[place] - points[place - 1])).clamp(0, 1)
        basis = torch.zeros(len(EQ_POINTS), len(axis))
        basis.scatter_(0, (place - 1)[None], (1 - part)[None])
        self.eq_basis = basis.scatter_add(0, place[None], part[None]).to(self.device)

    def draw(self, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=self.generator, device=self.device)

    def between(self, low: float, high: float, count: int) -> Tensor:
        return low + (high - low) * self.draw(count, 1)

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.generator, device=self.device)

    def curve(self, count: int, decibels: float) -> Tensor:
        """Random smooth gain curves over frequency."""
        return torch.exp((math.log(10) / 20) * decibels * self.normal(count, len(EQ_POINTS)) @ self.eq_basis)

    def __call__(self, crops: Tensor, names: Tensor, untouched: float) -> Changed:
        batch = len(crops)
        touched = self.draw(batch, 1) >= untouched

        def some(share: float) -> Tensor:
            return touched & (self.draw(batch, 1) < share)

        crops = crops / (crops.square().mean(dim=1, keepdim=True).sqrt() + 1e-5)
        spectrum = torch.fft.rfft(crops, self.size)

        gain = torch.where(some(0.5), self.curve(batch, 4.5), 1.0)
        # Low-pass: small loudspeakers, telephones, walls. High-pass: small microphones.
        steep = torch.where(self.draw(batch, 1) < 0.5, 4.0, 10.0)
        edge = 1000 * 7 ** self.draw(batch, 1)
        gain = torch.where(some(0.25), gain / torch.sqrt(1 + (self.frequency / edge) ** steep), gain)
        edge = 60 * 8 ** self.draw(batch, 1)
        low_cut = torch.sqrt(1 + (edge / self.frequency.clamp(min=1)) ** 4)
        gain = torch.where(some(0.15), gain / low_cut, gain)
        spectrum = spectrum * gain

        room = self.rooms[torch.randint(len(self.rooms), (batch,), generator=self.generator, device=self.device)]
        dry = self.between(0, 0.6, batch)
        spectrum = torch.where(some(0.5), spectrum * ((1 - dry) * room + dry), spectrum)
        spectrum = spectrum / (spectrum.abs().square().mean(dim=1, keepdim=True).sqrt() + 1e-5)

        partner = torch.randperm(batch, generator=self.generator, device=self.device)
        mixed = some(0.7) & (names[partner] != names)[:, None]
        below = 10 ** (-self.between(*MIX_DB, batch) / 20)
        spectrum = torch.where(mixed, spectrum + below * spectrum[partner], spectrum)

        noise = torch.complex(self.normal(*spectrum.shape), self.normal(*spectrum.shape)) * self.curve(batch, 8.0)
        tilt = self.frequency.clamp(min=60.0) ** -self.draw(batch, 1)
        noise = noise * tilt / ((noise * tilt).abs().square().mean(dim=1, keepdim=True).sqrt() + 1e-9)
        floor = torch.where(some(0.5), -self.between(*NOISE_DB, batch), -75.0)
        spectrum = spectrum + 10 ** (floor / 20) * noise

        samples = torch.fft.irfft(spectrum, self.size)[:, : self.crop]
        samples = samples / (samples.abs().amax(dim=1, keepdim=True) + 1e-9)
        # An overdriven microphone, a telephone's eight bits.
        drive = self.between(1.5, 6, batch)
        samples = torch.where(some(0.08), torch.tanh(drive * samples) / torch.tanh(drive), samples)
        companded = torch.round(127 * torch.sign(samples) * torch.log1p(255 * samples.abs()) / math.log(256)) / 127
        coarse = torch.sign(companded) * (256 ** companded.abs() - 1) / 255
        samples = torch.where(some(0.08), coarse, samples)
        return Changed(samples, torch.where(mixed[:, 0], partner, -1))


def good_size(least: int) -> int:
    """The next length whose only prime factors are 2, 3 and 5: its transform is quick everywhere."""
    size = least + least % 2
    while True:
        rest = size
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return size
        size += 2
