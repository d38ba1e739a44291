"""The recordings and the natural voices as a few small files, to be carried to a machine with a GPU and little else.

    python python-bridge/training/pack.py FOLDER --audio ../shared/audio

`train.py --audio FOLDER` then trains from them. Long clips are cut and Opus at a low rate is heard
on them, like any other change between two hearings: where the audio itself is at hand, train on that.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from corpus import DATA_SEED, SAMPLE_RATE, Clip, impulse_responses, read_audio, recorded_clips, trimmed
from natural_speech import natural_clips

FILES = 6
#: Kilobits a second and the longest clip in seconds of each kind.
KEPT = {"sound": (23, 8.0), "speech": (16, 3.0), "music": (12, 1.6)}
#: Silence between two clips of a file, so that one does not ring in the next.
GAP = SAMPLE_RATE // 20


def pack(clips: Iterable[Clip], rooms: list[NDArray[np.float32]], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    index: dict[str, list[list[object]]] = defaultdict(list)
    streams: dict[str, list[NDArray[np.int16]]] = defaultdict(list)
    for i, clip in enumerate(clips):
        samples = trimmed(clip.samples)[: int(KEPT[clip.kind][1] * SAMPLE_RATE)]
        padded = np.concatenate([samples, np.zeros(GAP, dtype=np.float32)])
        name = f"{clip.kind}-{i % FILES}.opus"
        streams[name].append((padded * 32767).astype("<i2"))
        index[name].append([len(samples), clip.name, clip.group, clip.kind, clip.source, clip.held_out])
    for name, stream in streams.items():
        kilobits = KEPT[name.split("-")[0]][0]
        encode = ["ffmpeg", "-v", "error", "-y", "-f", "s16le", "-ar", str(SAMPLE_RATE), "-ac", "1", "-i", "-"]
        encode += ["-c:a", "libopus", "-b:a", f"{kilobits}k", "-application", "audio", str(folder / name)]
        subprocess.run(encode, input=np.concatenate(stream).tobytes(), check=True)
    (folder / "pack.json").write_text(json.dumps(index), encoding="utf-8")
    np.savez_compressed(
        folder / "rooms.npz", samples=np.concatenate(rooms).astype("f2"), lengths=[len(room) for room in rooms]
    )


def packed_clips(folder: Path) -> Iterator[Clip]:
    index = json.loads((folder / "pack.json").read_text(encoding="utf-8"))
    with ProcessPoolExecutor() as pool:
        streams = pool.map(read_audio, [folder / name for name in index])
        for stream, rows in zip(streams, index.values(), strict=True):
            start = 0
            for length, name, group, kind, source, held_out in rows:
                yield Clip(stream[start : start + length], name, group, kind, source, held_out)
                start += length + GAP


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--audio", type=Path, default=Path(__file__).resolve().parents[3] / "shared" / "audio")
    parser.add_argument("--cache", type=Path, default=Path(__file__).resolve().parent / ".cache")
    options = parser.parse_args()
    clips = chain(recorded_clips(options.audio), natural_clips(DATA_SEED, options.cache / "natural"))
    pack(clips, impulse_responses(options.audio), options.folder)


if __name__ == "__main__":
    main()
