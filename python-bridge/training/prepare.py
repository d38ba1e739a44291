"""Decodes, synthesises and speaks everything that may train into the cache (once, minutes)."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from corpus import DATA_SEED, CacheWriter, impulse_responses, recorded_clips
from natural_speech import natural_clips
from pack import packed_clips
from speech import spoken_clips
from synthesis import synthetic_clips


def prepare(audio: Path, cache: Path) -> None:
    """`audio` is the shared audio's folder, or one that `pack.py` made of it."""
    if (cache / "index.json").exists():
        return
    if not audio.is_dir():
        raise SystemExit(f"The training audio is not at {audio}: pass --audio FOLDER.")
    packed = (audio / "pack.json").exists()
    start = time.monotonic()
    writer = CacheWriter(cache)
    counts: dict[str, int] = {}
    if packed:
        sources = {"recorded and naturally spoken": packed_clips(audio)}
    else:
        sources = {
            "recorded": recorded_clips(audio),
            "naturally spoken": natural_clips(DATA_SEED, cache / "natural"),
        }
    sources |= {"synthesised": synthetic_clips(DATA_SEED), "spoken": spoken_clips(DATA_SEED)}
    for title, clips in sources.items():
        counts[title] = writer.add(clips)
        print(f"prepare: {counts[title]} {title} clips, {time.monotonic() - start:.0f} s", flush=True)
    if packed:
        rooms = dict(np.load(audio / "rooms.npz"))
    else:
        responses = impulse_responses(audio)
        rooms = {"samples": np.concatenate(responses), "lengths": np.array([len(r) for r in responses])}
    np.savez(cache / "rooms.npz", **rooms)
    writer.close({"seed": DATA_SEED, "counts": counts, "rooms": len(rooms["lengths"])})
