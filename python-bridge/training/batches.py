"""Draws training batches: which names, which recordings, which second of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import IterableDataset

from augment import Augmenter, untouched_share
from corpus import SAMPLE_RATE, Cache

#: How often each kind is drawn: sounds up, speech and instruments down to what they are worth.
KIND_SHARE = {"sound": 0.46, "synthetic": 0.20, "speech": 0.26, "music": 0.08}
#: A name with many recordings is drawn more often, since only it shows what varies between them.
POPULARITY = 0.75
MOST_RECORDINGS = 40
#: A name heard once can only teach crops of one recording; half of the names are such.
ONCE_HEARD = 0.4
#: Names with recordings of one thing by many people in many places are rare and teach the most.
FIELD_BOOST = {"env-esc10": 3.0, "speech-digits": 4.0}
#: Windows are a second; some batches are shorter or longer, so that other lengths work too.
CROP_SECONDS = (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.64, 0.64, 1.4)


class Sampler:
    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        count = len(cache.names)
        order = np.argsort(cache.name, kind="stable")
        bounds = np.searchsorted(cache.name[order], np.arange(count + 1))
        self.clips_of = [order[bounds[i] : bounds[i + 1]] for i in range(count)]
        weight = np.zeros(count)
        kinds = [cache.kind[clips[0]] for clips in self.clips_of]
        for i, clips in enumerate(self.clips_of):
            recordings = len(np.unique(cache.group[clips]))
            weight[i] = ONCE_HEARD if recordings == 1 else min(recordings, MOST_RECORDINGS) ** POPULARITY
            weight[i] *= max(FIELD_BOOST.get(cache.source[c], 1.0) for c in clips)
        for kind, share in KIND_SHARE.items():
            mask = np.array([k == kind for k in kinds])
            if mask.any():
                weight[mask] *= share / weight[mask].sum()
        self.weight = weight / weight.sum()

    def pick(self, batch: int, rng: np.random.Generator) -> tuple[list[int], list[int]]:
        """Clip and name ids of a batch: 2 or 4 of each name, from different recordings if any."""
        clips: list[int] = []
        names: list[int] = []
        drawn = rng.choice(len(self.weight), size=batch, replace=False, p=self.weight)
        for name in drawn:
            candidates = self.clips_of[name]
            wanted = 4 if rng.random() < 0.4 and len(candidates) > 2 else 2
            wanted = min(wanted, batch - len(clips))
            if len(candidates) >= wanted:
                chosen = rng.choice(candidates, size=wanted, replace=False)
            else:
                chosen = rng.choice(candidates, size=wanted, replace=True)
            clips += [int(c) for c in chosen]
            names += [int(name)] * wanted
            if len(clips) >= batch:
                break
        return clips, names

    def crop(self, clip: int, crop: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """A crop at a random speed; of two places in a long clip the louder is usually taken."""
        samples = self.cache.clip(clip)
        speed = rng.uniform(0.87, 1.15) if rng.random() < 0.35 else 1.0
        need = int(crop * speed)
        if len(samples) > need:
            starts = rng.integers(0, len(samples) - need + 1, 2)
            pieces = [samples[s : s + need] for s in starts]
            energy = [float((p[::16].astype(np.float32) ** 2).sum()) for p in pieces]
            louder = int(energy[1] > energy[0])
            piece = pieces[louder if rng.random() < 0.8 else 1 - louder].astype(np.float32)
        else:
            piece = samples.astype(np.float32)
        if speed != 1.0:
            length = min(crop, max(2, int(len(piece) / speed)))
            at = np.arange(length, dtype=np.float32) * np.float32(speed)
            piece = np.interp(at, np.arange(len(piece)), piece).astype(np.float32)
        out = np.zeros(crop, dtype=np.float32)
        at_sample = int(rng.integers(0, crop - len(piece) + 1))
        out[at_sample : at_sample + len(piece)] = piece
        return out * np.float32(1 / 32768)


def partners(names: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Somebody of another name for each crop."""
    partner = rng.permutation(len(names))
    same = names[partner] == names
    partner[same] = rng.integers(0, len(names), int(same.sum()))
    return partner


def load_rooms(cache: Path) -> list[NDArray[np.float32]]:
    stored = np.load(cache / "rooms.npz")
    ends = np.cumsum(stored["lengths"])
    return [r.astype(np.float32) for r in np.split(stored["samples"], ends[:-1])]


class Batches(IterableDataset):  # type: ignore[type-arg]
    """Endless batches `(int16 samples, name ids)`; the seed and the first step fix all of them."""

    def __init__(self, cache: Path, batch: int, seed: int, first_step: int) -> None:
        self.cache, self.batch, self.seed, self.first_step = cache, batch, seed, first_step

    def __iter__(self) -> Iterator[tuple[NDArray[np.int16], NDArray[np.int64]]]:
        sampler = Sampler(Cache(self.cache))
        rooms = load_rooms(self.cache)
        augmenters = {crop: Augmenter(rooms, crop, self.seed) for crop in {int(s * SAMPLE_RATE) for s in CROP_SECONDS}}
        step = self.first_step
        while True:
            rng = np.random.default_rng((self.seed, step))
            crop = int(CROP_SECONDS[int(rng.integers(len(CROP_SECONDS)))] * SAMPLE_RATE)
            # Short windows give room for more of them at the same cost, long ones for fewer.
            size = max(64, int(self.batch * SAMPLE_RATE / crop) // 2 * 2)
            clips, names = sampler.pick(size, rng)
            labels = np.array(names, dtype=np.int64)
            crops = np.stack([sampler.crop(c, crop, rng) for c in clips])
            samples = augmenters[crop](crops, partners(labels, rng), rng, untouched_share(step))
            yield (samples * 32767).astype(np.int16), labels
            step += 1
