"""Draws training batches: which names, which recordings, which second of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset

from augment import TAIL, Augmenter, untouched_share
from corpus import SAMPLE_RATE, Cache

#: How often each kind is drawn: sounds up, speech and instruments down to what they are worth.
KIND_SHARE = {"sound": 0.41, "synthetic": 0.15, "speech": 0.39, "music": 0.05}
#: A name with many recordings is drawn more often, since only it shows what varies between them.
POPULARITY = 0.75
MOST_RECORDINGS = 40
#: A name heard once can only teach crops of one recording; half of the names are such.
ONCE_HEARD = 0.4
#: Names with recordings of one thing by many people in many places are rare and teach the most.
FIELD_BOOST = {"env-esc10": 3.0, "speech-digits": 4.0}
#: Windows are a second, and shorter ones are filled up to that; some batches are longer, so that those work too.
CROP_SECONDS = (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.4)
MOST_VIEWS = 4


class Batch(NamedTuple):
    pcm: Tensor  # [batch, samples]
    names: Tensor  # [batch]
    under: Tensor  # [batch]: the name of what is mixed under a crop, -1 where nothing is
    said: Tensor  # [spoken]: positions of the crops of speech
    clean: Tensor  # [batch, samples]: the crops before anything happened to them


class Sampler:
    """Clip and name ids of a batch: 2 or 4 of each name, from different recordings where there are any."""

    def __init__(self, cache: Cache) -> None:
        count = len(cache.names)
        self.order = np.argsort(cache.name, kind="stable")
        bounds = np.searchsorted(cache.name[self.order], np.arange(count + 1))
        self.first, self.clips = bounds[:-1], np.diff(bounds)
        sources, kinds = np.array(cache.source), np.array(cache.kind)
        weight = np.zeros(count)
        for i in range(count):
            clips = self.order[bounds[i] : bounds[i + 1]]
            recordings = len(np.unique(cache.group[clips]))
            weight[i] = ONCE_HEARD if recordings == 1 else min(recordings, MOST_RECORDINGS) ** POPULARITY
            weight[i] *= max(FIELD_BOOST.get(source, 1.0) for source in np.unique(sources[clips]))
        kind_of_name = kinds[self.order[self.first]]
        for kind, share in KIND_SHARE.items():
            mask = kind_of_name == kind
            if mask.any():
                weight[mask] *= share / weight[mask].sum()
        self.log_weight = np.log(weight / weight.sum())
        self.spoken = kind_of_name == "speech"

    def pick(self, batch: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        # The largest of weight plus Gumbel noise are a weighted draw without repetition.
        score = self.log_weight + rng.gumbel(size=len(self.log_weight))
        most = min(batch // 2, len(score))
        drawn = np.argsort(-score)[:most]
        views = np.where((rng.random(most) < 0.4) & (self.clips[drawn] > 2), MOST_VIEWS, 2)
        drawn = drawn[: int(np.searchsorted(np.cumsum(views), batch, side="right"))]
        views = views[: len(drawn)]
        names = np.repeat(drawn, views)
        view = np.concatenate([np.arange(v) for v in views])
        clips = self.clips[names]
        # From a random clip in random strides: different ones as long as there are any.
        start = np.repeat((rng.random(len(drawn)) * self.clips[drawn]).astype(np.int64), views)
        stride = np.repeat(1 + (rng.random(len(drawn)) * (self.clips[drawn] - 1)).astype(np.int64), views)
        return self.order[self.first[names] + (start + view * stride) % clips], names


class Pool:
    """Everything that batches are drawn from, on the device where they are made."""

    def __init__(self, folder: Path, device: torch.device, everything: bool = False) -> None:
        cache = Cache(folder, everything)
        self.device = device
        self.sampler, self.rooms = Sampler(cache), load_rooms(folder)
        self.kin = torch.from_numpy(cache.kin()).long()
        samples = torch.from_numpy(cache.samples)
        self.samples = samples if device.type == "cpu" else samples.to(device)
        self.offset, self.length = (torch.from_numpy(a).to(device) for a in (cache.offset, cache.length))


class Cropper:
    """Takes crops at random speeds out of a pool."""

    def __init__(self, pool: Pool, generator: torch.Generator) -> None:
        self.pool, self.generator = pool, generator

    def __call__(self, clips: Tensor, crop: int) -> Tensor:
        """Clip ids `[batch]` to samples `[batch, crop]`; of two places in a long clip mostly the louder."""
        batch, samples, device = len(clips), self.pool.samples, self.pool.device

        def draw(*shape: int) -> Tensor:
            return torch.rand(*shape, generator=self.generator, device=device)

        speed = torch.where(draw(batch, 1) < 0.4, 0.86 + 0.3 * draw(batch, 1), 1.0)
        length, offset = self.pool.length[clips][:, None], self.pool.offset[clips][:, None]
        spare = length - (crop * speed).long() - 2
        starts = (draw(batch, 2) * spare.clamp(min=0)).long()
        probe = torch.arange(0, crop, 16, device=device)
        place = (starts[:, :, None] + probe).minimum(length[:, :, None] - 1)
        energy = samples[offset[:, :, None] + place].float().square().sum(dim=2)
        louder = (energy[:, 1] > energy[:, 0]) ^ (draw(batch) < 0.2)
        start = starts.gather(1, louder.long()[:, None])
        # A clip shorter than the crop lies somewhere in it, with silence around.
        lead = ((-spare).clamp(min=0) / speed * draw(batch, 1)).long()
        at = (torch.arange(crop, device=device)[None] - lead) * speed
        whole = at.floor().long()
        inside = (whole >= 0) & (start + whole < length - 1)
        index = (offset + start + whole).clamp(0, len(samples) - 2)
        low, high = samples[index].float(), samples[index + 1].float()
        return torch.where(inside, low + (at - whole) * (high - low), 0.0) / 32768


def load_rooms(cache: Path) -> Tensor:
    """Measured impulse responses, cut or filled to `[count, TAIL]`."""
    stored = np.load(cache / "rooms.npz")
    rooms = np.zeros((len(stored["lengths"]), TAIL), dtype=np.float32)
    start = 0
    for row, length in zip(rooms, stored["lengths"], strict=True):
        kept = min(int(length), TAIL)
        row[:kept] = stored["samples"][start : start + kept]
        start += int(length)
    return torch.from_numpy(rooms)


class Batches(IterableDataset):  # type: ignore[type-arg]
    """Endless batches; seed and first step fix all of them on one kind of device."""

    def __init__(self, pool: Pool, size: int, seed: int, first_step: int = 0) -> None:
        self.pool, self.size, self.seed, self.first_step = pool, size, seed, first_step

    def __iter__(self) -> Iterator[Batch]:
        pool = self.pool
        generator = torch.Generator(pool.device).manual_seed(self.seed + self.first_step)
        rng = np.random.default_rng((self.seed, self.first_step))
        cropper = Cropper(pool, generator)
        lengths = [int(s * SAMPLE_RATE) for s in CROP_SECONDS]
        augmenters = {crop: Augmenter(pool.rooms, crop, generator) for crop in set(lengths)}
        step = self.first_step
        while True:
            crop = lengths[int(rng.integers(len(lengths)))]
            # Short windows give room for more of them at the same cost, long ones for fewer.
            drawn = pool.sampler.pick(self.size * SAMPLE_RATE // crop, rng)
            clips, names = (torch.from_numpy(ids).to(pool.device) for ids in drawn)
            said = torch.from_numpy(np.flatnonzero(pool.sampler.spoken[drawn[1]])).to(pool.device)
            crops = cropper(clips, crop)
            changed = augmenters[crop](crops, names, untouched_share(step))
            under = torch.where(changed.under >= 0, names[changed.under], -1)
            yield Batch(changed.samples, names, under, said, crops)
            step += 1
