"""Everything that may train, decoded once into one file of 16 kHz samples.

Decoding 13,000 small files takes minutes and reading them at random while training would take
longer still, so `prepare` writes one int16 memory map and an index beside it. Names are merged over
sources on the way: a door is a door wherever it was recorded, and like sounds must not be pushed
apart only because two collections spell them differently.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

SAMPLE_RATE = 16_000
LONGEST_SECONDS = 12.0
#: Of everything that is made or spoken for training.
DATA_SEED = 20261127

#: Never trained on: what validation is made of. `household-kitchen20` is not even listed as a
#: source below, since the terms of its clips allow evaluation only.
HELD_OUT_ESC10_FOLD = "3"
HELD_OUT_SPEAKER = "lucas"
#: One measured room is kept back, so that "through a room" is tested in a room never heard.
HELD_OUT_ROOM = "room_medium_chamber"

#: A source's kind decides how often it is drawn (see `batches.KIND_SHARE`).
KINDS = ("sound", "synthetic", "speech", "music")

_MUSIC = ("instruments-", "drums-", "berklee", "alarms-lineageos", "alarms-ringtones")
#: Words at the front of a label that name the collection or the role, not the sound.
_PREFIXES = {
    "gm", "ui", "game", "sfx", "doom", "tee", "wp", "foley", "actor", "fauna", "default", "doors",
    "rpg", "env", "sounds", "stereo", "desktop", "notification", "notifications", "ringtone",
    "ringtones", "osfx", "openrct2", "mesecons", "lugaru", "soundscape", "ambience", "ambient",
    "amb", "action", "automobiles", "general", "fx", "percussion",
}  # fmt: skip
_ALIASES = {
    "dogbark": "dog_bark", "barking": "dog_bark", "bark": "dog_bark", "rooster_crow": "rooster",
    "door_close": "door_close", "door_open": "door_open", "doors_door_close": "door_close",
    "fire": "fire_crackling", "fire_small": "fire_crackling", "fire_large": "fire_crackling",
    "fireplace": "fire_crackling", "crackling_fire": "fire_crackling", "raining": "rain",
    "ocean": "sea_waves", "waves": "sea_waves", "baby": "baby_cry", "sneeze": "person_sneeze",
    "clock": "clock_tick", "ticking": "clock_tick", "water_boil": "boiling",
}  # fmt: skip
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
#: Too general to make two names kin.
_NOT_KIN = {
    "high", "low", "open", "close", "closed", "loop", "looped", "start", "stop", "loud", "soft",
    "short", "long", "male", "female", "attack", "death", "hurt", "left", "right", "select",
    "large", "small", "notes", "note", "heavy", "light", "medium", "random", "major", "minor",
    "head", "press", "release", "primary", "secondary", "noise", "tone", "alarm", "made", "recipe",
}  # fmt: skip


@dataclass(frozen=True)
class Clip:
    """One recording on its way into the cache."""

    samples: NDArray[np.float32]
    name: str
    group: str
    kind: str
    source: str
    held_out: bool = False


def canonical_name(label: str, source: str) -> str:
    """The name under which clips of all sources meet."""
    label = re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")
    if source == "speech-digits":
        return f"word_en_{_DIGITS[int(label)]}"
    if source.startswith("speech-asterisk"):
        language = source.rsplit("-", 1)[1]
        number = re.fullmatch(rf"{language}_digits_(\d+)", label)
        letter = re.fullmatch(rf"{language}_letters_([a-z])", label)
        if number:
            value = int(number[1])
            if language == "en" and value < 10:
                return f"word_en_{_DIGITS[value]}"
            return f"word_{language}_{value}"
        if letter:
            return f"word_{language}_{letter[1]}"
        return f"word_{label}"
    if source.startswith("speech-arabic"):
        return "word_ar_" + label.removeprefix("arabic_")
    if source.startswith("speech-"):
        return f"word_en_{label}"
    parts = [part for part in label.split("_") if part]
    while len(parts) > 1 and parts[0] in _PREFIXES:
        parts = parts[1:]
    while len(parts) > 1 and parts[-1].isdigit():
        parts = parts[:-1]
    name = "_".join(parts)
    return _ALIASES.get(name, name)


def kin_words(name: str) -> list[str]:
    """Words that make two different names kin ("wood_door" and "door_close").

    Kin are neither pulled together nor pushed apart while training: file names were never listened
    to, and nobody can tell from them whether two doors should be near.
    """
    if name.startswith(("word_", "patch_")):
        return []
    return [w for w in name.split("_") if len(w) > 3 and w not in _NOT_KIN][:4]


def kind_of(source: str) -> str:
    if source.startswith("speech-"):
        return "speech"
    if source.startswith(_MUSIC):
        return "music"
    return "sound"


def read_audio(path: Path) -> NDArray[np.float32]:
    """Mono float samples at 16 kHz."""
    import soundfile

    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = samples.mean(axis=1)
    if rate != SAMPLE_RATE:
        divisor = int(np.gcd(rate, SAMPLE_RATE))
        mono = resample_poly(mono, SAMPLE_RATE // divisor, rate // divisor)
    return np.ascontiguousarray(mono, dtype=np.float32)


def trimmed(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Without digital silence at the ends, at a common peak, never longer than is useful."""
    peak = float(np.abs(samples).max()) if len(samples) else 0.0
    if peak < 1e-5:
        return samples[:0]
    loud = np.flatnonzero(np.abs(samples) > peak * 10 ** (-55 / 20))
    samples = samples[loud[0] : loud[-1] + 1][: int(LONGEST_SECONDS * SAMPLE_RATE)]
    return samples * np.float32(0.9 / peak)


def manifest_rows(folder: Path) -> Iterator[dict[str, str]]:
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as handle:
        yield from csv.DictReader(handle)


def is_held_out(source: str, row: dict[str, str]) -> bool:
    """Whether a clip belongs to validation."""
    if source == "env-esc10":
        return row["fold"] == HELD_OUT_ESC10_FOLD
    return source == "speech-digits" and row["group"] == HELD_OUT_SPEAKER


def recorded_clips(audio: Path) -> Iterator[Clip]:
    """The real recordings that may train, those of validation marked."""
    folders = [audio / "env-esc10", audio / "speech-digits", *sorted((audio / "corpus").iterdir())]
    for folder in folders:
        source = folder.name
        if not (folder / "manifest.csv").exists() or source.startswith("rir-"):
            continue
        for row in manifest_rows(folder):
            yield Clip(
                samples=read_audio(folder / row["file"]),
                name=canonical_name(row["label"], source),
                group=f"{source}/{row['group']}",
                kind=kind_of(source),
                source=source,
                held_out=is_held_out(source, row),
            )


def impulse_responses(audio: Path, longest_seconds: float = 0.6) -> list[NDArray[np.float32]]:
    """Measured rooms, plates and loudspeakers, direct sound first, at unit energy."""
    responses = []
    for folder in sorted((audio / "corpus").glob("rir-*")):
        for row in manifest_rows(folder):
            if row["label"].startswith(HELD_OUT_ROOM):
                continue
            responses.append(direct_first(read_audio(folder / row["file"]), longest_seconds))
    return responses


def direct_first(response: NDArray[np.float32], longest_seconds: float) -> NDArray[np.float32]:
    """Starts at the direct sound, so that convolution does not shift events in the window."""
    start = max(0, int(np.abs(response).argmax()) - 16)
    response = response[start : start + int(longest_seconds * SAMPLE_RATE)].copy()
    fade = min(len(response), 800)
    response[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return response / np.float32(np.sqrt((response**2).sum()) + 1e-9)


class CacheWriter:
    """Appends clips to the memory map; the index is written last, as the sign of completeness."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._samples = (folder / "samples.i16").open("wb")
        self._position = 0
        self._rows: list[tuple[int, int, str, str, str, str, bool]] = []

    def add(self, clips: Iterable[Clip]) -> int:
        added = 0
        for clip in clips:
            samples = trimmed(clip.samples)
            if len(samples) < SAMPLE_RATE // 40:
                continue
            self._samples.write((samples * 32767).astype("<i2").tobytes())
            self._rows.append(
                (self._position, len(samples), clip.name, clip.group, clip.kind, clip.source, clip.held_out)
            )
            self._position += len(samples)
            added += 1
        return added

    def close(self, description: dict[str, Any]) -> None:
        self._samples.close()
        index = {"description": description, "clips": self._rows}
        temporary = self.folder / "index.json.part"
        temporary.write_text(json.dumps(index), encoding="utf-8")
        temporary.replace(self.folder / "index.json")


class Cache:
    """The prepared clips, read where they lie; those of validation only where `everything` is asked for."""

    def __init__(self, folder: Path, everything: bool = False) -> None:
        index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        rows = [row for row in index["clips"] if everything or not row[6]]
        self.description: dict[str, Any] = index["description"]
        self.offset = np.array([r[0] for r in rows], dtype=np.int64)
        self.length = np.array([r[1] for r in rows], dtype=np.int64)
        self.names: list[str] = sorted({r[2] for r in rows})
        position = {name: i for i, name in enumerate(self.names)}
        self.name = np.array([position[r[2]] for r in rows], dtype=np.int64)
        groups = {g: i for i, g in enumerate(sorted({r[3] for r in rows}))}
        self.group = np.array([groups[r[3]] for r in rows], dtype=np.int64)
        self.kind: list[str] = [r[4] for r in rows]
        self.source: list[str] = [r[5] for r in rows]
        # Copy on write: torch wants memory that it could write to.
        self.samples = np.memmap(folder / "samples.i16", dtype="<i2", mode="c")

    def __len__(self) -> int:
        return len(self.offset)

    def clip(self, i: int) -> NDArray[np.int16]:
        return self.samples[self.offset[i] : self.offset[i] + self.length[i]]

    def kin(self, most: int = 4) -> NDArray[np.int32]:
        """Per name the ids of its kin words, -1 where there are none."""
        words: dict[str, int] = {}
        table = np.full((len(self.names), most), -1, dtype=np.int32)
        for i, name in enumerate(self.names):
            for j, word in enumerate(kin_words(name)[:most]):
                table[i, j] = words.setdefault(word, len(words))
        return table
