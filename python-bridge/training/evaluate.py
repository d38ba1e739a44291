"""Measures an encoder on what it was never trained on, beside the floor.

    python python-bridge/training/evaluate.py BUNDLE_OR_CHECKPOINT --audio ../shared/audio

Validation sets: fold 3 of `env-esc10`, the held-out speaker of `speech-digits`, all of
`household-kitchen20`. Hits of the same recording or speaker never count. For digits, the held-out
speaker asks and the other speakers answer.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from corpus import (
    HELD_OUT_ESC10_FOLD,
    HELD_OUT_ROOM,
    HELD_OUT_SPEAKER,
    SAMPLE_RATE,
    direct_first,
    manifest_rows,
    read_audio,
)

Samples = NDArray[np.float32]
HERE = Path(__file__).resolve().parent
WINDOW, STEP = SAMPLE_RATE, SAMPLE_RATE // 2
#: Windows this far under the loudest say nothing about the clip.
QUIET_DB = 26.0
WINDOWS_AT_ONCE = 64
SHOTS, EPISODES = 5, 40
SETS = ("sounds", "digits", "kitchen")


class ClipEncoder(Protocol):
    name: str

    def clip_vectors(self, clips: list[Samples]) -> Samples:
        """One unit vector a clip: `[clips, dimensions]`."""


def windows_of(samples: Samples) -> list[Samples]:
    """One-second windows every half second, the quiet ones left out; short clips are one window."""
    if len(samples) <= WINDOW:
        return [np.pad(samples, (0, WINDOW - len(samples)))]
    starts = list(range(0, len(samples) - WINDOW + 1, STEP))
    if len(samples) - WINDOW - starts[-1] > STEP // 2:
        starts.append(len(samples) - WINDOW)
    pieces = [samples[s : s + WINDOW] for s in starts]
    level = np.array([10 * np.log10(float((p**2).mean()) + 1e-12) for p in pieces])
    return [p for p, keep in zip(pieces, level >= level.max() - QUIET_DB, strict=True) if keep]


class WindowEncoder:
    """A clip's vector is the mean of its windows' vectors."""

    def __init__(self, name: str, encode: Callable[[Samples], Samples]) -> None:
        self.name, self.encode = name, encode

    def clip_vectors(self, clips: list[Samples]) -> Samples:
        pieces = [windows_of(samples) for samples in clips]
        windows = np.stack([window for clip in pieces for window in clip])
        batches = [self.encode(windows[i : i + WINDOWS_AT_ONCE]) for i in range(0, len(windows), WINDOWS_AT_ONCE)]
        bounds = np.cumsum([0, *(len(clip) for clip in pieces)])[:-1]
        return unit(np.add.reduceat(np.concatenate(batches), bounds, axis=0))


def unit(vectors: Samples) -> Samples:
    """Each row at length 1."""
    return np.asarray(vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-9), dtype=np.float32)


def load_encoder(path: Path, precision: str = "fp32") -> ClipEncoder:
    if path.suffix == ".pt":
        import torch

        from model import Encoder

        device = "cuda" if torch.cuda.is_available() else "cpu"
        stored = torch.load(path, weights_only=True, map_location=device)
        encoder = Encoder().to(device).eval()
        encoder.load_state_dict(stored["encoder"])

        @torch.no_grad()
        def by_torch(batch: Samples) -> Samples:
            return encoder(torch.from_numpy(batch).to(device)).cpu().numpy()

        return WindowEncoder(str(path), by_torch)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    model = path / ("model.int8.onnx" if precision == "int8" else "model.onnx")
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return WindowEncoder(str(model.name), lambda batch: session.run(["features"], {"pcm": batch.astype(np.float32)})[0])


# The validation clips -----------------------------------------------------------------------------


@dataclass
class Validation:
    name: str
    samples: list[Samples]
    labels: NDArray[np.str_]
    groups: NDArray[np.str_]
    #: Which clips ask; all of them answer.
    queries: NDArray[np.bool_]


def load_validation(audio: Path) -> list[Validation]:
    sets = []
    for name, folder in (
        ("sounds", "env-esc10"),
        ("digits", "speech-digits"),
        ("kitchen", "household-kitchen20"),
    ):
        rows = list(manifest_rows(audio / folder))
        if name == "sounds":
            rows = [r for r in rows if r["fold"] == HELD_OUT_ESC10_FOLD]
        groups = np.array([r["group"] for r in rows])
        sets.append(
            Validation(
                name=name,
                samples=[read_audio(audio / folder / r["file"]) for r in rows],
                labels=np.array([r["label"] for r in rows]),
                groups=groups,
                queries=groups == HELD_OUT_SPEAKER if name == "digits" else groups == groups,
            )
        )
    return sets


def with_noise(sets: list[Validation], target: Validation, snr_db: float) -> list[Samples]:
    """Each clip over a stretch of an unrelated sound of another set."""
    rng = np.random.default_rng(17)
    other = next(s for s in sets if s.name == ("kitchen" if target.name == "sounds" else "sounds"))
    noisy = []
    for samples in target.samples:
        noise = other.samples[int(rng.integers(len(other.samples)))]
        noise = np.resize(noise, len(samples))
        power = float((noise**2).mean()) + 1e-12
        gain = np.sqrt(float((samples**2).mean()) / power / 10 ** (snr_db / 10))
        noisy.append((samples + gain * noise).astype(np.float32))
    return noisy


def through_room(audio: Path, target: Validation) -> list[Samples]:
    """Each clip in the one measured room that training never heard."""
    folder = audio / "corpus" / "rir-rooms"
    row = next(r for r in manifest_rows(folder) if r["label"].startswith(HELD_OUT_ROOM))
    room = direct_first(read_audio(folder / row["file"]), 1.5)
    return [(0.3 * s + fftconvolve(s, room)[: len(s)]).astype(np.float32) for s in target.samples]


# The figures --------------------------------------------------------------------------------------


def retrieval(
    asked: Samples, answers: Samples, labels: NDArray[np.str_], groups: NDArray[np.str_],
    queries: NDArray[np.bool_],
) -> tuple[float, float]:  # fmt: skip
    """1-NN accuracy and mean average precision, hits of the same group left out."""
    nearest, precisions = [], []
    for i in np.flatnonzero(queries):
        allowed = groups != groups[i]
        relevant = labels[allowed] == labels[i]
        if not relevant.any():
            continue
        order = np.argsort(-(answers[allowed] @ asked[i]), kind="stable")
        hits = relevant[order]
        nearest.append(bool(hits[0]))
        ranks = np.flatnonzero(hits) + 1
        precisions.append(float((np.arange(1, len(ranks) + 1) / ranks).mean()))
    return float(np.mean(nearest)), float(np.mean(precisions))


def auroc(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    both = np.concatenate([positive, negative])
    ranks = np.empty(len(both))
    order = np.argsort(both, kind="stable")
    ranks[order] = np.arange(1, len(both) + 1)
    count = len(positive)
    return float((ranks[:count].sum() - count * (count + 1) / 2) / (count * len(negative)))


def few_shot(
    vectors: Samples, labels: NDArray[np.str_], groups: NDArray[np.str_],
    queries: NDArray[np.bool_], same_group: bool = False,
) -> tuple[float, float]:  # fmt: skip
    """Taught five examples a class, a third of the classes unknown: accuracy, AUROC of known."""
    rng = np.random.default_rng(5)
    classes = np.unique(labels)
    right, known_best, unknown_best = [], [], []
    for _ in range(EPISODES):
        known = rng.permutation(classes)[: len(classes) - len(classes) // 3]
        taught, centroids = [], []
        for label in known:
            # Teachers come from those who do not ask, where there are such; else from all.
            pool = np.flatnonzero((labels == label) & (queries if same_group else ~queries))
            if not same_group and not len(pool):
                pool = np.flatnonzero(labels == label)
            chosen = rng.choice(pool, SHOTS, replace=False)
            taught += list(chosen)
            centroid = vectors[chosen].mean(axis=0)
            centroids.append(centroid / np.linalg.norm(centroid))
        taught_groups = set() if same_group else set(groups[taught])
        matrix = np.stack(centroids)
        for i in np.flatnonzero(queries):
            if i in taught or groups[i] in taught_groups:
                continue
            scores = matrix @ vectors[i]
            if labels[i] in known:
                right.append(known[int(scores.argmax())] == labels[i])
                known_best.append(float(scores.max()))
            else:
                unknown_best.append(float(scores.max()))
    return float(np.mean(right)), auroc(np.array(known_best), np.array(unknown_best))


def pair_scores(
    vectors: Samples, labels: NDArray[np.str_], groups: NDArray[np.str_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Similarities of pairs of one class (of different recordings) and of different classes.

    Two digits of one speaker count as unrelated too: they are the hardest to keep apart.
    """
    first, second = np.triu_indices(len(vectors), 1)
    scores = np.einsum("ij,ij->i", vectors[first], vectors[second]).astype(np.float64)
    same = labels[first] == labels[second]
    return scores[same & (groups[first] != groups[second])], scores[~same]


def evaluate(encoder: ClipEncoder, audio: Path, conditions: bool = True) -> dict[str, Any]:
    sets = load_validation(audio)
    report: dict[str, Any] = {"encoder": encoder.name}
    for data in sets:
        clean = encoder.clip_vectors(data.samples)
        knn, precision = retrieval(clean, clean, data.labels, data.groups, data.queries)
        accuracy, known = few_shot(clean, data.labels, data.groups, data.queries)
        same, apart = pair_scores(clean, data.labels, data.groups)
        row: dict[str, Any] = {
            "knn": knn, "map": precision, "few_shot": accuracy, "open_set_auroc": known,
            "random_cosine": float(apart.mean()), "same_cosine": float(np.median(same)),
            "limit": float(np.quantile(apart, 0.99)), "pairs": (same, apart),
        }  # fmt: skip
        if data.name == "digits":
            own = few_shot(clean, data.labels, data.groups, data.queries, same_group=True)
            row["few_shot_own_voice"], row["open_set_auroc_own_voice"] = own
        if conditions:
            # Only those who ask are heard in noise; what was stored was stored clean.
            asking = np.flatnonzero(data.queries)
            for title, changed in (
                ("noise_10db", with_noise(sets, data, 10)),
                ("room", through_room(audio, data)),
            ):
                asked = clean.copy()
                asked[asking] = encoder.clip_vectors([changed[i] for i in asking])
                found = retrieval(asked, clean, data.labels, data.groups, data.queries)
                row[title] = dict(zip(("knn", "map"), found, strict=True))
        report[data.name] = row
    return report


def with_matches(report: dict[str, Any], threshold: float | None) -> dict[str, Any]:
    """The report with the shares of pairs over the threshold in place of the pairs themselves."""
    for name in SETS:
        same, apart = report[name].pop("pairs")
        if threshold is not None:
            report[name]["false_match"] = float((apart >= threshold).mean())
            report[name]["true_match"] = float((same >= threshold).mean())
    return report


def highest_limit(report: dict[str, Any]) -> float:
    """Under it lie 99 % of the unrelated pairs of every set."""
    return max(float(report[name]["limit"]) for name in SETS)


def in_words(report: dict[str, Any]) -> str:
    lines = [f"{report['encoder']}  (99 % of unrelated pairs under {highest_limit(report):.3f})"]
    for name in SETS:
        row = report[name]
        text = f"  {name:8s} 1-NN {row['knn']:.3f}  mAP {row['map']:.3f}  few-shot {row['few_shot']:.3f}"
        text += f" / {row['open_set_auroc']:.3f}  random {row['random_cosine']:+.3f}"
        if "few_shot_own_voice" in row:
            text += f"  own voice {row['few_shot_own_voice']:.3f} / {row['open_set_auroc_own_voice']:.3f}"
        if "false_match" in row:
            text += f"  false {row['false_match']:.4f} true {row['true_match']:.3f}"
        for title in ("noise_10db", "room"):
            if title in row:
                text += f"  {title} {row[title]['knn']:.3f} / {row[title]['map']:.3f}"
        lines.append(text)
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("encoder", type=Path, help="a bundle's folder, or encoder.pt of a run")
    parser.add_argument("--audio", type=Path, default=HERE.parents[2] / "shared" / "audio")
    parser.add_argument("--cache", type=Path, default=HERE / ".cache", help="for the floor's scale")
    parser.add_argument("--precision", choices=("fp32", "int8"), default="fp32")
    parser.add_argument("--quick", action="store_true", help="without noise and room")
    parser.add_argument("--no-floor", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    threshold = None
    manifest = options.encoder / "manifest.json"
    if manifest.exists():
        stored = json.loads(manifest.read_text(encoding="utf-8"))
        threshold = stored["calibration"]["defaultThreshold"]
    encoders = [load_encoder(options.encoder, options.precision)]
    if not options.no_floor:
        from floor import Floor

        encoders.append(Floor(options.cache))
    for encoder in encoders:
        limit = threshold if encoder is encoders[0] else None
        report = with_matches(evaluate(encoder, options.audio, not options.quick), limit)
        print(json.dumps(report) if options.json else in_words(report))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
