"""Weights between those before and after a run that went on with other data.

    python python-bridge/training/interpolate.py BEFORE AFTER RUN --share-after 0.6

What went on learns the new and loses a little of the old; a mean of both keeps most of both ("Robust
fine-tuning of zero-shot models", arXiv 2109.01903). BEFORE, AFTER and RUN are folders of runs, each
with `validated` and `shipped`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from batches import Batches, Pool
from model import Encoder
from train import BATCH, SEED, save, standardise


def interpolate(before: Path, after: Path, share_after: float, target: Path, pool: Pool) -> None:
    first = torch.load(before / "encoder.pt", weights_only=True)
    last = torch.load(after / "encoder.pt", weights_only=True)
    mean = {
        name: torch.lerp(first["encoder"][name].float(), value, share_after) if value.is_floating_point() else value
        for name, value in last["encoder"].items()
    }
    encoder = Encoder()
    encoder.load_state_dict(mean)
    # The sounds inside a network of mean weights are not the mean of the sounds inside the two.
    standardise(encoder, Batches(pool, BATCH["cpu"], SEED + 2))
    target.mkdir(parents=True, exist_ok=True)
    save(target / "encoder.pt", {**last, "encoder": encoder.state_dict(), "share_after": share_after})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--share-after", type=float, required=True, help="of the weights after, 0 to 1")
    parser.add_argument("--cache", type=Path, default=Path(__file__).resolve().parent / ".cache")
    options = parser.parse_args()
    for name in ("validated", "shipped"):
        pool = Pool(options.cache, torch.device("cpu"), everything=name == "shipped")
        interpolate(options.before / name, options.after / name, options.share_after, options.run / name, pool)


if __name__ == "__main__":
    main()
