"""Decodes, synthesises and speaks everything that may train into the cache (once, minutes)."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from corpus import CacheWriter, impulse_responses, recorded_clips
from speech import spoken_clips
from synthesis import synthetic_clips

DATA_SEED = 20261123


def prepare(audio: Path, cache: Path) -> None:
    if (cache / "index.json").exists():
        return
    if not audio.is_dir():
        raise SystemExit(f"The training audio is not at {audio}: pass --audio FOLDER.")
    start = time.monotonic()
    writer = CacheWriter(cache)
    counts: dict[str, int] = {}
    for title, clips in (
        ("recorded", recorded_clips(audio)),
        ("synthesised", synthetic_clips(DATA_SEED)),
        ("spoken", spoken_clips(DATA_SEED)),
    ):
        counts[title] = writer.add(clips)
        print(f"prepare: {counts[title]} {title} clips, {time.monotonic() - start:.0f} s", flush=True)
    responses = impulse_responses(audio)
    lengths = [len(r) for r in responses]
    np.savez(cache / "rooms.npz", samples=np.concatenate(responses), lengths=np.array(lengths))
    writer.close({"seed": DATA_SEED, "counts": counts, "rooms": len(responses)})
