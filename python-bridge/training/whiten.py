"""Whitening: the covariance of background sounds, brought near the identity.

Without it a few directions that all sounds share (loud against quiet, tonal against noisy) make
unrelated sounds look alike. It is learnt from recordings that trained, names alike, and shrunk, so
that directions in which nothing varies are not blown up.
"""

from __future__ import annotations

import numpy as np
import torch

from corpus import SAMPLE_RATE, Cache
from evaluate import Samples, windows_of
from model import LEARNT, Encoder

#: Names count that were recorded at least so often, each by at most so many recordings.
FEWEST_RECORDINGS, MOST_RECORDINGS = 3, 12
#: Added to every variance; their mean is 1.
SHRINKAGE = 0.5
BATCH = 64


def background(cache: Cache) -> Samples:
    """The first window of a few recordings of every name that has several: `[windows, samples]`."""
    rng = np.random.default_rng(0)
    windows = []
    made = np.array(cache.source) == "synthesis"
    for name in range(len(cache.names)):
        clips = np.flatnonzero((cache.name == name) & ~made)
        if len(np.unique(cache.group[clips])) < FEWEST_RECORDINGS:
            continue
        for clip in rng.permutation(clips)[:MOST_RECORDINGS]:
            samples = cache.clip(int(clip))[: 2 * SAMPLE_RATE].astype(np.float32) / 32768
            windows.append(windows_of(samples)[0])
    return np.stack(windows)


@torch.no_grad()
def whiten(encoder: Encoder, windows: Samples) -> None:
    """Sets the encoder's whitening from what it makes of the windows."""
    encoder.whitening.copy_(torch.eye(LEARNT))
    vectors = []
    for i in range(0, len(windows), BATCH):
        bands = encoder.logmel(torch.from_numpy(windows[i : i + BATCH]))
        vectors.append(encoder.standardise_learnt(encoder.learnt(bands)))
    covariance = torch.cov(torch.cat(vectors).double().T)
    covariance *= LEARNT / covariance.trace()
    values, directions = torch.linalg.eigh(covariance + SHRINKAGE * torch.eye(LEARNT))
    encoder.whitening.copy_(((directions * values**-0.5) @ directions.T).half())
