"""Trains the shipped encoder: prepare, train, export, evaluate. Stop it and start it again freely.

    python python-bridge/training/train.py --audio ../shared/audio

The schedule follows the clock, not a count of steps: a slow or busy machine takes fewer steps but
still ends with a small learning rate. A GPU is used where there is one.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from anchor import Anchor
from batches import Batch, Batches, Pool
from losses import relations, supervised_contrastive
from model import LEARNT, MEASURED, Encoder, centred, measured_statistics
from prepare import prepare
from teacher import TAUGHT, SpeechTeacher

HERE = Path(__file__).resolve().parent
SEED = 6
#: Crops a step: what a GPU does in a few hundredths of a second, two cores in one and a half.
BATCH = {"cuda": 1024, "cpu": 192}
PEAK_RATE = {"cuda": 1.6e-3, "cpu": 1.2e-3}
LAST_SHARE, WARM_UP = 0.005, 200
WEIGHT_DECAY = 0.05
TEMPERATURE = 0.1
#: Of the losses, in the order of what `Training` returns.
LOSSES = {"contrastive": 1.0, "regression": 0.3, "relations": 1.5, "imitation": 1.5, "anchor": 1.0}
AVERAGE_DECAY = 0.998
CHECKPOINT_SECONDS = {"cuda": 45, "cpu": 300}
STANDARDISATION_BATCHES = 30
#: The weights that ship go on for this share of the time, validation clips included, from this share of the rate.
SHIPPED_SHARE, AGAIN_SHARE = 0.2, 0.5


class Training(nn.Module):
    """The encoder and what it needs only while it learns."""

    def __init__(self, kin: Tensor) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.statistics_head = nn.Linear(LEARNT, MEASURED)
        self.speech_head = nn.Linear(LEARNT, TAUGHT)
        self.standardise_taught = nn.BatchNorm1d(TAUGHT, affine=False)
        self.register_buffer("kin", kin)

    def forward(self, batch: Batch, taught: Tensor, anchors: Tensor | None) -> Tensor:
        """Each of `LOSSES`; `taught` is what the teacher makes of the words in `batch.clean`, `anchors` what the
        anchor makes of all of it."""
        encoder = self.encoder
        with torch.no_grad():
            bands = encoder.logmel(centred(batch.pcm))
            measured = encoder.standardise_measured(measured_statistics(bands))
        with torch.autocast(bands.device.type, torch.bfloat16):
            raw = encoder.learnt(masked(bands))
        learnt = encoder.standardise_learnt(raw.float())
        vectors = nn.functional.normalize(learnt, dim=1)
        contrastive = supervised_contrastive(vectors, batch.names, batch.under, self.kin, TEMPERATURE)
        regression = nn.functional.smooth_l1_loss(self.statistics_head(learnt), measured)
        nothing = torch.zeros_like(regression)
        anchor = nothing if anchors is None else 1 - (vectors * anchors).sum(dim=1).mean()
        if len(batch.said) < 2:
            return torch.stack([contrastive, regression, nothing, nothing, anchor])
        taught = self.standardise_taught(taught)
        alike = relations(vectors[batch.said], taught, TEMPERATURE)
        imitation = 1 - nn.functional.cosine_similarity(self.speech_head(learnt[batch.said]), taught, dim=1).mean()
        return torch.stack([contrastive, regression, alike, imitation, anchor])


def masked(bands: Tensor) -> Tensor:
    """Hides a stretch of time and a stretch of bands in half of the crops each."""
    batch, count, frames = bands.shape

    def draw() -> Tensor:
        return torch.rand(batch, 1, device=bands.device)

    for dimension, size, most in ((1, count, 12), (2, frames, frames // 4)):
        width = 1 + (draw() * most).long()
        start = (draw() * (size - width)).long()
        at = torch.arange(size, device=bands.device)[None, :]
        hidden = (at >= start) & (at < start + width) & (draw() < 0.5)
        bands = bands.masked_fill(hidden.unsqueeze(3 - dimension), 0.0)
    return bands


def rate_at(step: int, part: float, peak: float) -> float:
    """Warm-up by steps, then a cosine over `part` (0 to 1) of the time."""
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, part)))
    return peak * min(1.0, (step + 1) / WARM_UP) * (LAST_SHARE + (1 - LAST_SHARE) * cosine)


def batches_from(pool: Pool, seed: int, step: int = 0) -> Iterable[Batch]:
    """A GPU makes its own batches; on a processor another process does, so that both cores train."""
    data = Batches(pool, BATCH[pool.device.type], seed, step)
    return data if pool.device.type == "cuda" else DataLoader(data, batch_size=None, num_workers=1, prefetch_factor=6)


@torch.no_grad()
def measure_bands(encoder: Encoder, batches: Iterable[Batch]) -> None:
    """Fixes mean and scale of each log-mel band, as heard over some batches."""
    seen = []
    for i, batch in enumerate(batches):
        seen.append(encoder.logmel(centred(batch.pcm)).transpose(0, 1).flatten(1)[:, ::7])
        if i == 11:
            break
    bands = torch.cat(seen, dim=1)
    encoder.logmel.mean.copy_(bands.mean(dim=1, keepdim=True))
    encoder.logmel.scale.copy_(bands.std(dim=1, keepdim=True))


@torch.no_grad()
def standardise(encoder: Encoder, batches: Iterable[Batch]) -> None:
    """Background mean and scale of the averaged weights, over training sounds only.

    First those inside the stem, then, with these at rest, those of the vector.
    """
    inner = [layer for layer in encoder.stem.modules() if isinstance(layer, nn.BatchNorm2d)]
    for layers in (inner, [encoder.standardise_learnt, encoder.standardise_measured]):
        encoder.eval()
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None  # a plain average over what follows
            layer.train()
        for i, batch in enumerate(batches):
            encoder(batch.pcm)
            if i + 1 == STANDARDISATION_BATCHES:
                break
    encoder.eval()


def save(path: Path, content: dict[str, object]) -> None:
    torch.save(content, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)


def train(pool: Pool, run: Path, minutes: float, first: Path | None = None, anchored: Path | None = None) -> None:
    """Trains for `minutes` by the clock, writing `checkpoint.pt` and a usable `encoder.pt` as it goes.

    `first` is the folder of a finished run to go on from, at a lower rate: from its `checkpoint.pt`, or where that was
    not kept from the weights in `encoder.pt`. `anchored` is the folder of the run that is the anchor, if any.
    """
    run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(SEED)
    device = pool.device
    training, teacher = Training(pool.kin).to(device), SpeechTeacher().to(device)
    anchor = None if anchored is None else Anchor(anchored).to(device)
    weights = torch.tensor(list(LOSSES.values()), device=device)
    parameters = list(training.parameters())
    optimiser = torch.optim.AdamW(
        [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": WEIGHT_DECAY},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ],
        betas=(0.9, 0.98), fused=True,
    )  # fmt: skip
    checkpoint, usable = run / "checkpoint.pt", run / "encoder.pt"
    average = copy.deepcopy(training.encoder)
    step, elapsed, began = 0, 0.0, 0
    before = torch.load(first / "encoder.pt", weights_only=True, map_location="cpu") if first is not None else {}
    stages = before.get("stages", [])
    peak = PEAK_RATE[device.type] * (1 if first is None else AGAIN_SHARE)
    known = first / "checkpoint.pt" if first is not None and not checkpoint.exists() else checkpoint
    if known.exists():
        stored = torch.load(known, weights_only=True, map_location=device)
        training.load_state_dict(stored["training"])
        optimiser.load_state_dict(stored["optimiser"])
        average.load_state_dict(stored["average"])
        step = stored["step"]
        elapsed, began = (stored["elapsed"], stored["began"]) if known == checkpoint else (0.0, step)
        print(f"train: on from step {step}, {elapsed / 60:.1f} of {minutes:.1f} min", flush=True)
    elif first is not None:
        step = began = sum(stage["steps"] for stage in stages)
        training.encoder.load_state_dict(before["encoder"])
        average.load_state_dict(before["encoder"])
        print(f"train: on from the weights of {first}", flush=True)
    else:
        measure_bands(training.encoder, batches_from(pool, SEED + 1))
        average.load_state_dict(training.encoder.state_dict())

    def write() -> None:
        save(checkpoint, {
            "training": training.state_dict(), "optimiser": optimiser.state_dict(),
            "average": average.state_dict(), "step": step, "elapsed": elapsed, "began": began,
        })  # fmt: skip
        ready = copy.deepcopy(average)
        standardise(ready, batches_from(pool, SEED + 2))
        stage = {"steps": step - began, "crops": BATCH[device.type], "seconds": elapsed, "device": device.type}
        save(usable, {"encoder": ready.state_dict(), "stages": [*stages, stage]})

    training.train()
    last_saved, started, sums = elapsed, time.monotonic() - elapsed, torch.zeros(len(LOSSES) + 1, device=device)
    for batch in batches_from(pool, SEED, step):
        for group in optimiser.param_groups:
            group["lr"] = rate_at(step - began, elapsed / 60 / minutes, peak)
        anchors = None if anchor is None else anchor(batch.clean)
        losses = training(batch, teacher(batch.clean[batch.said]), anchors)
        optimiser.zero_grad()
        (losses @ weights).backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        step += 1
        update_average(average, training.encoder, min(AVERAGE_DECAY, (step + 1) / (step + 10)))
        sums += torch.cat([losses.detach(), sums.new_ones(1)])
        if step % 50 == 0:
            means = (sums[:-1] / sums[-1]).tolist()  # waits for the GPU, so that the clock below tells the truth
            sums.zero_()
            if step % 200 == 0 or device.type == "cpu":
                print(
                    f"train: step {step}, {elapsed / 60:.1f}/{minutes:.1f} min, "
                    + "".join(f"{name} {mean:.3f}, " for name, mean in zip(LOSSES, means, strict=True))
                    + f"rate {optimiser.param_groups[0]['lr']:.2e}",
                    flush=True,
                )
        elapsed = time.monotonic() - started
        if elapsed >= minutes * 60:
            break
        if elapsed - last_saved > CHECKPOINT_SECONDS[device.type]:
            write()
            last_saved = elapsed
    write()


@torch.no_grad()
def update_average(average: nn.Module, newest: nn.Module, decay: float) -> None:
    torch._foreach_lerp_(list(average.parameters()), list(newest.parameters()), 1 - decay)
    for kept, new in zip(average.buffers(), newest.buffers(), strict=True):
        kept.copy_(new)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--audio", type=Path, default=HERE.parents[2] / "shared" / "audio")
    parser.add_argument("--cache", type=Path, default=HERE / ".cache")
    parser.add_argument("--run", type=Path, default=HERE / ".cache" / "run")
    parser.add_argument("--minutes", type=float, default=480, help="training time by the clock (on a GPU, 6 will do)")
    parser.add_argument("--from", dest="first", type=Path, help="go on from a finished run's folder, at a lower rate")
    parser.add_argument("--anchor", type=Path, help="a finished run whose vectors of unchanged crops shall stay")
    parser.add_argument("--only-train", action="store_true", help="neither export nor evaluate")
    options = parser.parse_args()
    start = time.monotonic()
    prepare(options.audio, options.cache)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    validated, shipped = options.run / "validated", options.run / "shipped"
    anchor = options.anchor
    train(Pool(options.cache, device), validated, options.minutes, options.first, anchor and anchor / "validated")
    train(
        Pool(options.cache, device, everything=True), shipped, options.minutes * SHIPPED_SHARE,
        first=validated, anchored=anchor and anchor / "shipped",
    )  # fmt: skip
    if not options.only_train:
        from export import export

        export(options.run, options.audio, HERE.parent / "encoders" / "earmark-small", cache=options.cache)
    print(f"done in {(time.monotonic() - start) / 60:.0f} min", flush=True)


if __name__ == "__main__":
    main()
