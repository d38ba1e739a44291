"""How much of the measured part belongs in the vector: a sweep over validation.

    python python-bridge/training/blend.py RUN/encoder.pt

The share is chosen by the mean average precision over the three validation sets, each counting
alike. One number chosen on 1,000 clips cannot be over-fitted far, but it is chosen on them: the
model card says so.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from evaluate import (
    HERE,
    Samples,
    Validation,
    few_shot,
    load_validation,
    pair_scores,
    retrieval,
    unit,
    windows_of,
)
from model import Encoder

SHARES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 1.0)


@torch.no_grad()
def parts(encoder: Encoder, data: Validation) -> tuple[Samples, Samples]:
    """Mean learnt and mean measured part of every clip."""
    learnt, measured = [], []
    for samples in data.samples:
        first, second = encoder.parts(torch.from_numpy(np.stack(windows_of(samples))))
        learnt.append(first.mean(dim=0).numpy())
        measured.append(second.mean(dim=0).numpy())
    return np.stack(learnt), np.stack(measured)


def blended(learnt: Samples, measured: Samples, share: float) -> Samples:
    return unit(np.concatenate([np.sqrt(1 - share) * learnt, np.sqrt(share) * measured], axis=1))


def sweep(encoder: Encoder, audio: Path) -> float:
    sets = load_validation(audio)
    computed = [(data, *parts(encoder, data)) for data in sets]
    best, best_score = 0.0, -1.0
    for share in SHARES:
        cells, score = [], 0.0
        for data, learnt, measured in computed:
            vectors = blended(learnt, measured, share)
            knn, precision = retrieval(vectors, vectors, data.labels, data.groups, data.queries)
            accuracy, known = few_shot(vectors, data.labels, data.groups, data.queries)
            same, apart = pair_scores(vectors, data.labels, data.groups)
            cells.append(
                f"{data.name} {knn:.3f} / {precision:.3f}  few {accuracy:.3f} / {known:.3f}"
                f"  99 % {np.quantile(apart, 0.99):.2f} median same {np.median(same):.2f}"
            )
            score += precision / len(sets)
        print(f"share {share:.2f}  mean mAP {score:.4f}  " + "  |  ".join(cells), flush=True)
        if score > best_score:
            best, best_score = share, score
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("encoder", type=Path)
    parser.add_argument("--audio", type=Path, default=HERE.parents[2] / "shared" / "audio")
    options = parser.parse_args()
    encoder = Encoder().eval()
    encoder.load_state_dict(torch.load(options.encoder, weights_only=True)["encoder"])
    print(f"best share: {sweep(encoder, options.audio)}")


if __name__ == "__main__":
    main()
