"""The floor: what anybody gets without learning anything. An encoder under it is not worth its name.

Means, deviations and delta-deviations of 64 log-mel bands over the whole clip, z-scored on the
training sounds, compared by cosine.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from corpus import SAMPLE_RATE, Cache
from evaluate import unit
from model import BANDS, FFT, FRAME, HOP, mel_filters

Samples = NDArray[np.float32]
#: Frames this far under the loudest (26 dB) are left out.
QUIET_NATS = 6.0
FLOOR_CLIPS = 4000
FLOOR_SEED = 3


def log_mel(samples: Samples) -> Samples:
    samples = samples / (np.abs(samples).max() + 1e-9)
    if len(samples) < FRAME + 2 * HOP:
        samples = np.pad(samples, (0, FRAME + 2 * HOP - len(samples)))
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(FRAME), FFT, axis=1)) ** 2
    return np.log(power @ mel_filters() + 1e-6).astype(np.float32)


def floor_statistics(samples: Samples) -> Samples:
    bands = log_mel(samples)
    moves = np.diff(bands, axis=0, prepend=bands[:1])
    # Silence around an event is not the event.
    level = bands.max(axis=1)
    heard = level >= level.max() - QUIET_NATS
    bands, moves = bands[heard], moves[heard]
    return np.concatenate([bands.mean(axis=0), bands.std(axis=0), moves.std(axis=0)])


class Floor:
    """Compares like an encoder, one vector a clip."""

    name = "log-mel statistics"

    def __init__(self, cache: Path) -> None:
        stored = cache / "floor.npz"
        if not stored.exists():
            clips = Cache(cache)
            rng = np.random.default_rng(FLOOR_SEED)
            chosen = rng.choice(len(clips), min(FLOOR_CLIPS, len(clips)), replace=False)
            rows = np.stack(
                [floor_statistics(clips.clip(int(i))[: 5 * SAMPLE_RATE].astype(np.float32)) for i in chosen]
            )
            np.savez(stored, mean=rows.mean(axis=0), scale=rows.std(axis=0))
        values = np.load(stored)
        self.mean, self.scale = values["mean"], values["scale"]
        assert len(self.mean) == 3 * BANDS

    def clip_vectors(self, clips: list[Samples]) -> Samples:
        return unit((np.stack([floor_statistics(samples) for samples in clips]) - self.mean) / self.scale)
