"""What a similarity means, and the made sounds by which checkpoints are standardised."""

from __future__ import annotations

import itertools

import numpy as np

from earmark_bridge.calibration import calibrated, curve, limit
from earmark_bridge.made_sounds import made_pairs


def scores(middle: float, count: int) -> np.ndarray:
    return np.random.default_rng(3).normal(middle, 0.1, count)


def test_one_in_a_hundred_unrelated_pairs_passes_the_limit() -> None:
    apart = scores(0.0, 50_000)
    assert abs((apart > limit(apart)).mean() - 0.01) < 1e-3
    assert calibrated(scores(0.7, 500), apart)["defaultThreshold"] >= limit(apart)


def test_the_curve_rises_strictly_and_crosses_half_between_the_two_kinds() -> None:
    points = curve([(scores(0.7, 5_000), scores(0.1, 50_000))])
    chances = [chance for _, chance in points]
    assert all(low < high for low, high in itertools.pairwise(chances))
    assert 0 < chances[0] < 0.05
    assert 0.95 < chances[-1] <= 1
    assert 0.3 < np.interp(0.5, chances, [similarity for similarity, _ in points]) < 0.5


def test_every_set_counts_alike_in_the_curve() -> None:
    small, large = (scores(0.7, 500), scores(0.1, 500)), (scores(0.3, 50_000), scores(-0.1, 50_000))
    repeated = (np.repeat(small[0], 10), np.repeat(small[1], 10))
    assert curve([small, large]) == curve([repeated, large])


def test_two_hearings_of_a_made_sound_are_more_alike_than_two_sounds() -> None:
    pairs = made_pairs(30, 16_000, 16_000)
    assert np.isfinite(pairs).all()
    assert np.abs(pairs).max() <= 0.5
    np.testing.assert_array_equal(pairs, made_pairs(30, 16_000, 16_000))
    bands = np.log(np.abs(np.fft.rfft(pairs, axis=2))[:, :, :8_000].reshape(30, 2, 80, 100).mean(axis=3) + 1e-6)
    first, second = bands[:, 0] - bands.mean(axis=(0, 1)), bands[:, 1] - bands.mean(axis=(0, 1))
    distance = np.linalg.norm(first[:, None] - second[None], axis=2)
    assert (distance.argmin(axis=1) == np.arange(30)).mean() > 0.5
