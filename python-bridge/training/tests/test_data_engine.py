"""The data engine without torch: names, cache, made sounds. Real audio is not needed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("scipy")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import corpus  # noqa: E402
import synthesis  # noqa: E402


@pytest.mark.parametrize(
    ("label", "source", "name"),
    [
        ("7", "speech-digits", "word_en_seven"),
        ("en_digits_7", "speech-asterisk-en", "word_en_seven"),
        ("fr_digits_7", "speech-asterisk-fr", "word_fr_7"),
        ("it_letters_a", "speech-asterisk-it", "word_it_a"),
        ("arabic_zero", "speech-arabic-commands", "word_ar_zero"),
        ("doors_door_close", "sfx-minetest-game", "door_close"),
        ("door_close", "sfx-small-collections", "door_close"),
        ("dogbark", "nature-dsurround", "dog_bark"),
        ("gm_applause", "instruments-fluid-gm", "applause"),
        ("ui_click", "ui-kenney", "click"),
        ("Bang 03", "sfx-x", "bang"),
    ],
)
def test_names_meet_over_sources(label: str, source: str, name: str) -> None:
    assert corpus.canonical_name(label, source) == name


def test_kin_are_found_by_words_but_never_among_words_and_patches() -> None:
    assert set(corpus.kin_words("wood_door_close")) & set(corpus.kin_words("door_creak")) == {"door"}
    assert corpus.kin_words("word_en_seven") == []
    assert corpus.kin_words("patch_12") == []


def test_trimming_removes_silence_and_sets_the_peak() -> None:
    samples = np.zeros(16_000, dtype=np.float32)
    samples[4_000:8_000] = 0.1
    trimmed = corpus.trimmed(samples)
    assert len(trimmed) == 4_000
    assert trimmed.max() == pytest.approx(0.9)
    assert len(corpus.trimmed(np.zeros(100, dtype=np.float32))) == 0


def test_cache_gives_back_what_was_written(tmp_path: Path) -> None:
    writer = corpus.CacheWriter(tmp_path)
    tone = np.sin(np.arange(8_000) * 0.1).astype(np.float32)
    clips = [corpus.Clip(tone, name, f"g{i}", "sound", "s") for i, name in enumerate(("b", "a", "b"))]
    assert writer.add(clips) == 3
    writer.close({})
    cache = corpus.Cache(tmp_path)
    assert [cache.names[i] for i in cache.name] == ["b", "a", "b"]
    assert cache.clip(1) == pytest.approx(corpus.trimmed(tone) * 32767, abs=1)


@pytest.mark.parametrize("name", sorted(synthesis.FAMILIES))
def test_every_family_sounds_anywhere_in_its_cube(name: str) -> None:
    rng = np.random.default_rng(1)
    for recipe in (np.zeros(synthesis.RECIPE_SIZE), np.ones(synthesis.RECIPE_SIZE), rng.random(synthesis.RECIPE_SIZE)):
        samples = synthesis.FAMILIES[name](recipe, rng, 8_000)
        assert samples.shape == (8_000,)
        assert np.isfinite(samples).all()
        assert samples.std() > 0


def test_variants_of_a_recipe_share_a_name_and_differ_as_samples() -> None:
    clips = list(synthesis.synthetic_clips(seed=3, recipes=0, variants=2, patches=2, length=0.2))
    assert [c.name for c in clips] == ["patch_0", "patch_0", "patch_1", "patch_1"]
    assert not np.array_equal(clips[0].samples, clips[1].samples)


def test_synthesis_is_repeatable() -> None:
    def first() -> object:
        return next(iter(synthesis.synthetic_clips(seed=3, recipes=1, variants=1, patches=0, length=0.2))).samples

    assert np.array_equal(first(), first())


def test_augmentation_keeps_shape_and_stays_finite() -> None:
    augment = pytest.importorskip("augment")
    rng = np.random.default_rng(0)
    augmenter = augment.Augmenter([np.ones(1, dtype=np.float32)], crop=4_000, seed=0, made_rooms=3)
    crops = rng.standard_normal((6, 4_000)).astype(np.float32)
    crops[0] = 0
    samples = augmenter(crops, np.arange(6)[::-1].copy(), rng, 0.3)
    assert samples.shape == crops.shape
    assert np.isfinite(samples).all()
    assert np.abs(samples).max() <= 1.0 + 1e-6
