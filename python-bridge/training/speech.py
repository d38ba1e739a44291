"""Spoken words in many voices, made by espeak-ng.

The same word in every voice is one class, so that the encoder learns what was said rather than by
whom. Words that a collection of real speech also holds (numbers, letters) get the same name there.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy.signal import resample_poly

from corpus import _DIGITS, SAMPLE_RATE, Clip

#: Things people say to machines and about sounds, kept short: one second holds a word or two.
ENGLISH = """
yes no stop go start cancel help open close light lamp door window music play pause next back louder
quieter on off up down left right hello goodbye morning evening kitchen garage bedroom heating alarm
timer coffee kettle water fire police doctor camera computer hey_computer hey_memory wake_up sleep
listen remember forget record again faster slower warm cold bright dark red green blue yellow white
black monday tuesday wednesday thursday friday saturday sunday january february march april june july
august dog cat bird house tree happy wow marvin sheila bed learn follow forward backward visual front
volume channel radio television call answer hang_up message weather news minute hour second today
tomorrow percent maximum minimum zero_one hello_world good_night thank_you turn_on turn_off shut_up
mother father child baby apple banana orange bread milk sugar table chair bottle glass spoon knife
""".split()

NUMBERS = [*range(21), 30, 40, 50, 60, 70, 80, 90, 100]
LANGUAGES = ("es", "fr", "it", "ru", "de", "pt", "nl", "pl", "tr", "sv", "fi", "hu", "cs", "el")
ENGLISH_ACCENTS = (
    "en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-029", "en-us-nyc",
)  # fmt: skip
#: Voices that sound like people; the robots and the announcer are left out.
VARIANTS = (
    "m1 m2 m3 m4 m5 m6 m7 m8 f1 f2 f3 f4 f5 adam Alicia Andrea Andy Annie antonio aunty belinda "
    "benjamin boris caleb david Diogo ed edward Gene grandpa Henrique Hugo john klatt klatt2 klatt3 "
    "klatt4 lee linda marcelo Marco Mario max michael Michel miguel mike norbert pablo paul pedro "
    "quincy rob robert sandro shelby steph steph2 travis victor zac anika whisper whisperf"
).split()


def speak(text: str, voice: str, words_per_minute: int, pitch: int) -> np.ndarray:
    command = ["espeak-ng", "-v", voice, "-s", str(words_per_minute), "-p", str(pitch)]
    wav = subprocess.run([*command, "--stdout", text], capture_output=True, check=True).stdout
    # A pipe's header has a wrong length, so only the rate is read from it.
    rate = struct.unpack_from("<I", wav, 24)[0]
    samples = np.frombuffer(wav[44 : len(wav) - len(wav) % 2], dtype="<i2").astype(np.float32)
    divisor = int(np.gcd(rate, SAMPLE_RATE))
    return resample_poly(samples / 32768, SAMPLE_RATE // divisor, rate // divisor).astype("f4")


def vocabulary() -> list[tuple[str, str, str, int]]:
    """`(name, text, language, voices)`; the English digits get the most voices."""
    entries: list[tuple[str, str, str, int]] = []
    for number in NUMBERS:
        word = _DIGITS[number] if number < 10 else str(number)
        entries.append((f"word_en_{word}", str(number), "en", 150 if number < 10 else 30))
    entries += [(f"word_en_{word}", word.replace("_", " "), "en", 30) for word in ENGLISH]
    entries += [(f"word_en_{letter}", letter, "en", 20) for letter in "abcdefghijklmnopqrstuvwxyz"]
    for language in LANGUAGES:
        entries += [(f"word_{language}_{n}", str(n), language, 14) for n in NUMBERS]
    return entries


def spoken_clips(seed: int) -> Iterator[Clip]:
    if shutil.which("espeak-ng") is None:
        raise RuntimeError("espeak-ng is not installed: apt install espeak-ng")
    rng = np.random.default_rng(seed)
    tasks = []
    for name, text, language, voices in vocabulary():
        for variant in rng.choice(VARIANTS, size=voices):
            accent = str(rng.choice(ENGLISH_ACCENTS)) if language == "en" else language
            speed, pitch = int(rng.integers(110, 215)), int(rng.integers(20, 80))
            tasks.append((name, text, f"{accent}+{variant}", speed, pitch))
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        spoken = pool.map(lambda t: speak(t[1], t[2], t[3], t[4]), tasks)
        for (name, _, voice, _, _), samples in zip(tasks, spoken, strict=True):
            yield Clip(samples, name, f"espeak/{voice}", "speech", "espeak")
