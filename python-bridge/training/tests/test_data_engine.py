"""The data engine: names, cache, made sounds, crops and what happens to them. Real audio is not needed."""

from __future__ import annotations

import shutil
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
    clips = list(synthesis.synthetic_clips(seed=3, recipes=0, patches=2))
    assert [c.name for c in clips] == ["patch_0"] * 3 + ["patch_1"] * 3
    assert not np.array_equal(clips[0].samples, clips[1].samples)


def test_synthesis_is_repeatable() -> None:
    def first() -> object:
        return next(iter(synthesis.synthetic_clips(seed=3, recipes=1, patches=0))).samples

    assert np.array_equal(first(), first())


def write_cache(folder: Path) -> None:
    """Three names: one long clip, two short ones, and one that belongs to validation."""
    writer = corpus.CacheWriter(folder)
    tone = np.sin(np.arange(40_000) * 0.1).astype(np.float32)
    rows = [("long", 40_000, "a", False), ("short", 4_000, "b", False), ("short", 4_000, "c", False)]
    rows.append(("kept_back", 4_000, "d", True))
    writer.add(corpus.Clip(tone[:n], name, group, "sound", "s", held) for name, n, group, held in rows)
    writer.close({})
    np.savez(folder / "rooms.npz", samples=np.ones(2, dtype=np.float32), lengths=np.array([1, 1]))


def test_validation_clips_are_read_only_where_everything_is_asked_for(tmp_path: Path) -> None:
    write_cache(tmp_path)
    assert corpus.Cache(tmp_path).names == ["long", "short"]
    assert corpus.Cache(tmp_path, everything=True).names == ["kept_back", "long", "short"]


def test_crops_lie_inside_their_clip_and_short_ones_have_silence_around(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    import batches

    write_cache(tmp_path)
    cropper = batches.Cropper(batches.Pool(tmp_path, torch.device("cpu")), torch.Generator().manual_seed(0))
    crops = cropper(torch.tensor([0, 1] * 20), 16_000)
    assert crops.shape == (40, 16_000)
    heard = (crops != 0).sum(dim=1)
    assert (heard[::2] > 15_900).all()
    assert ((heard[1::2] > 4_000 / 1.2) & (heard[1::2] < 4_000 / 0.8)).all()


def test_a_batch_holds_every_name_at_least_twice_and_other_recordings_where_there_are_any(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    import batches

    write_cache(tmp_path)
    pool = batches.Pool(tmp_path, torch.device("cpu"))
    clips, names = pool.sampler.pick(8, np.random.default_rng(0))
    assert (np.bincount(names) >= 2).all()
    assert len(set(clips[names == 1])) == 2
    first, again = (next(iter(batches.Batches(pool, 8, seed=1))) for _ in range(2))
    assert torch.equal(first.pcm, again.pcm)


def test_augmentation_stays_finite_and_says_what_is_mixed_under() -> None:
    torch = pytest.importorskip("torch")
    import augment

    generator = torch.Generator().manual_seed(0)
    augmenter = augment.Augmenter(torch.eye(1, augment.TAIL), 4_000, generator)
    crops = torch.randn(64, 4_000, generator=generator)
    crops[0] = 0
    names = torch.arange(64) // 2
    changed = augmenter(crops, names, untouched=0.3)
    assert changed.samples.shape == crops.shape
    assert torch.isfinite(changed.samples).all()
    assert changed.samples.abs().max() <= 1.0 + 1e-6
    mixed = changed.under >= 0
    assert 0 < mixed.sum() < 64
    assert (names[changed.under[mixed]] != names[mixed]).all()


def test_kin_and_what_is_mixed_under_are_neither_pulled_nor_pushed() -> None:
    torch = pytest.importorskip("torch")
    from losses import supervised_contrastive

    names = torch.tensor([0, 0, 1, 1])
    strangers, kin = torch.tensor([[-1], [-1]]), torch.tensor([[5], [5]])
    nothing, under = torch.full((4,), -1), torch.tensor([1, 1, 0, 0])
    near = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1, 0.1], [1, 0.2], [1, 0.3]]), dim=1)
    far = near * torch.tensor([[1.0], [1], [-1], [-1]])

    def loss(vectors: object, words: object, mixed: object) -> float:
        return float(supervised_contrastive(vectors, names, mixed, words, 0.1))

    assert loss(near, strangers, nothing) > loss(far, strangers, nothing) + 0.1
    assert loss(near, kin, nothing) == pytest.approx(loss(far, kin, nothing))
    assert loss(near, strangers, under) == pytest.approx(loss(far, strangers, under))


def test_packing_keeps_every_clip_in_its_place(tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    import pack

    audio = tmp_path / "audio"
    folder = audio / "corpus" / "sfx-tones"
    folder.mkdir(parents=True)
    (audio / "corpus" / "rir-one").mkdir()
    rows = ["file,label,group,seconds,source,licence"]
    for i in range(12):
        tone = 0.5 * np.sin(2 * np.pi * (300 + 200 * i) * np.arange(8_000) / 16_000)
        soundfile.write(folder / f"{i}.wav", tone, 16_000)
        rows.append(f"{i}.wav,tone_{chr(97 + i)},g{i},0.5,s,CC0")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    soundfile.write(audio / "corpus" / "rir-one" / "0.wav", np.eye(1, 400)[0], 16_000)
    (audio / "corpus" / "rir-one" / "manifest.csv").write_text("file,label\n0.wav,room\n")
    pack.pack(corpus.recorded_clips(audio), corpus.impulse_responses(audio), tmp_path / "packed")
    clips = list(pack.packed_clips(tmp_path / "packed"))
    assert len(clips) == 12
    for clip in clips:
        pitch = 300 + 200 * (ord(clip.name[-1]) - 97)
        spectrum = np.abs(np.fft.rfft(clip.samples))
        assert spectrum.argmax() * 16_000 / len(clip.samples) == pytest.approx(pitch, abs=4)


def test_a_word_has_one_name_in_rules_and_in_natural_voices() -> None:
    import natural_speech
    import speech

    by_rules = {(name, text.lower()) for name, text, _, _ in speech.vocabulary()}
    natural = {(name, text.lower()) for name, text, _, _ in natural_speech.vocabulary()}
    assert natural < by_rules


def test_natural_voices_are_drawn_alike_each_time_and_mixed() -> None:
    import natural_speech

    voices = [f"voice{i}" for i in range(9)]
    drawn = natural_speech.tasks(voices, seed=3)
    assert drawn == natural_speech.tasks(voices, seed=3)
    assert len(drawn) == sum(clips for _, _, _, clips in natural_speech.vocabulary())
    assert {voice for task in drawn for voice in task.voices} == set(voices)
    mixed = [task for task in drawn if task.voices[0] != task.voices[1]]
    assert 0.4 < len(mixed) / len(drawn) < 0.6
    assert all(0.3 < task.share < 0.7 and "+" in task.group for task in mixed)
