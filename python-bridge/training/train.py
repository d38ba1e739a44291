"""Trains the shipped encoder: prepare, train, export, evaluate. Stop it and start it again freely.

    python python-bridge/training/train.py --audio ../shared/audio --minutes 110

The schedule follows the clock, not a count of steps: a slow or busy machine takes fewer steps but
still ends with a small learning rate.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from batches import Batches
from corpus import Cache
from losses import Memory, supervised_contrastive
from model import LEARNT, MEASURED, Encoder, measured_statistics
from prepare import prepare

HERE = Path(__file__).resolve().parent
SEED = 6
BATCH = 128
PEAK_RATE, LAST_SHARE, WARM_UP = 1.5e-3, 0.01, 150
TEMPERATURE = 0.1
MEMORY_SIZE, MEMORY_FROM = 4096, 600
REGRESSION_WEIGHT = 0.3
AVERAGE_DECAY = 0.998
CHECKPOINT_SECONDS = 300
STANDARDISATION_BATCHES = 60


class Training(nn.Module):
    """The encoder and what it needs only while it learns."""

    def __init__(self, kin: Tensor) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.statistics_head = nn.Linear(LEARNT, MEASURED)
        self.memory = Memory(MEMORY_SIZE, LEARNT)
        self.register_buffer("kin", kin)

    def forward(self, pcm: Tensor, names: Tensor, use_memory: bool) -> tuple[Tensor, Tensor]:
        encoder = self.encoder
        with torch.no_grad():
            bands = encoder.logmel(pcm)
            measured = encoder.standardise_measured(measured_statistics(bands))
        with torch.autocast("cpu", torch.bfloat16):
            raw = encoder.learnt(masked(bands))
        learnt = encoder.standardise_learnt(raw.float())
        vectors = nn.functional.normalize(learnt, dim=1)
        others, other_names = vectors, names
        if use_memory:
            others = torch.cat([vectors, self.memory.vectors])
            other_names = torch.cat([names, self.memory.names])
        contrastive = supervised_contrastive(vectors, names, others, other_names, self.kin, TEMPERATURE)
        self.memory.add(vectors, names)
        regression = nn.functional.smooth_l1_loss(self.statistics_head(learnt), measured)
        return contrastive, regression


def masked(bands: Tensor) -> Tensor:
    """Hides a stretch of time and a stretch of bands in half of the crops each."""
    batch, count, frames = bands.shape
    bands = bands.clone()
    for dimension, size, most in ((1, count, 10), (2, frames, frames // 5)):
        width = torch.randint(1, most + 1, (batch, 1))
        start = (torch.rand(batch, 1) * (size - width)).long()
        at = torch.arange(size)[None, :]
        hidden = (at >= start) & (at < start + width) & (torch.rand(batch, 1) < 0.5)
        bands = bands.masked_fill(hidden.unsqueeze(3 - dimension), 0.0)
    return bands


def rate_at(step: int, progress: float) -> float:
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    return PEAK_RATE * min(1.0, (step + 1) / WARM_UP) * (LAST_SHARE + (1 - LAST_SHARE) * cosine)


def batches_from(cache: Path, seed: int, step: int) -> DataLoader:  # type: ignore[type-arg]
    data = Batches(cache, BATCH, seed, step)
    return DataLoader(data, batch_size=None, num_workers=1, prefetch_factor=6)


def pcm_of(samples: Tensor) -> Tensor:
    return samples.float() / 32768


@torch.no_grad()
def measure_bands(encoder: Encoder, cache: Path) -> None:
    """Fixes mean and scale of each log-mel band, as heard over some batches."""
    seen = []
    for i, (samples, _) in enumerate(batches_from(cache, SEED + 1, 0)):
        seen.append(encoder.logmel(pcm_of(samples)).transpose(0, 1).flatten(1)[:, ::7])
        if i == 11:
            break
    bands = torch.cat(seen, dim=1)
    encoder.logmel.mean.copy_(bands.mean(dim=1, keepdim=True))
    encoder.logmel.scale.copy_(bands.std(dim=1, keepdim=True))


@torch.no_grad()
def standardise(encoder: Encoder, cache: Path, count: int = STANDARDISATION_BATCHES) -> None:
    """Background mean and scale of the final weights, over training sounds only."""
    layers = (encoder.standardise_learnt, encoder.standardise_measured)
    encoder.eval()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a plain average over what follows
        layer.train()
    for i, (samples, _) in enumerate(batches_from(cache, SEED + 2, 0)):
        with torch.autocast("cpu", torch.bfloat16, enabled=False):
            encoder(pcm_of(samples))
        if i + 1 == count:
            break
    encoder.eval()


def save(path: Path, content: dict[str, object]) -> None:
    torch.save(content, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)


def train(cache: Path, run: Path, minutes: float) -> Path:
    run.mkdir(parents=True, exist_ok=True)
    checkpoint = run / "checkpoint.pt"
    torch.manual_seed(SEED)
    kin = torch.tensor(np.asarray(Cache(cache).kin()), dtype=torch.long)
    training = Training(kin)
    decayed = [p for p in training.parameters() if p.ndim > 1]
    plain = [p for p in training.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.03}, {"params": plain, "weight_decay": 0.0}],
        lr=PEAK_RATE, betas=(0.9, 0.98), fused=True,
    )  # fmt: skip
    step, elapsed = 0, 0.0
    if checkpoint.exists():
        stored = torch.load(checkpoint, weights_only=True)
        training.load_state_dict(stored["training"])
        optimiser.load_state_dict(stored["optimiser"])
        step, elapsed = stored["step"], stored["elapsed"]
        average = copy.deepcopy(training.encoder)
        average.load_state_dict(stored["average"])
        print(f"train: resumed at step {step}, {elapsed / 60:.1f} of {minutes:.0f} min", flush=True)
    else:
        measure_bands(training.encoder, cache)
        average = copy.deepcopy(training.encoder)
    training.train()
    last_saved, started, sums = elapsed, time.monotonic() - elapsed, np.zeros(3)
    for samples, names in batches_from(cache, SEED, step):
        elapsed = time.monotonic() - started
        finished = elapsed >= minutes * 60
        if finished or elapsed - last_saved > CHECKPOINT_SECONDS:
            save(checkpoint, {
                "training": training.state_dict(), "optimiser": optimiser.state_dict(),
                "average": average.state_dict(), "step": step, "elapsed": elapsed,
            })  # fmt: skip
            last_saved = elapsed
        if finished:
            break
        for group in optimiser.param_groups:
            group["lr"] = rate_at(step, elapsed / (minutes * 60))
        contrastive, regression = training(pcm_of(samples), names, step >= MEMORY_FROM)
        loss = contrastive + REGRESSION_WEIGHT * regression
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(training.parameters(), 1.0)
        optimiser.step()
        step += 1
        decay = min(AVERAGE_DECAY, (step + 1) / (step + 20))
        with torch.no_grad():
            for kept, new in zip(average.parameters(), training.encoder.parameters(), strict=True):
                kept.lerp_(new, 1 - decay)
            for kept, new in zip(average.buffers(), training.encoder.buffers(), strict=True):
                kept.copy_(new)
        sums += [float(contrastive.detach()), float(regression.detach()), 1]
        if step % 50 == 0:
            mean = sums / sums[2]
            print(
                f"train: step {step}, {elapsed / 60:.1f}/{minutes:.0f} min, contrastive {mean[0]:.3f}, "
                f"regression {mean[1]:.3f}, rate {optimiser.param_groups[0]['lr']:.2e}",
                flush=True,
            )
            sums[:] = 0
    standardise(average, cache)
    finished_path = run / "encoder.pt"
    save(finished_path, {"encoder": average.state_dict(), "step": step, "seconds": elapsed})
    return finished_path


def snapshot(cache: Path, run: Path) -> Path:
    """The averaged weights of the last checkpoint, standardised, while training goes on."""
    stored = torch.load(run / "checkpoint.pt", weights_only=True)
    encoder = Encoder()
    encoder.load_state_dict(stored["average"])
    standardise(encoder, cache, 30)
    path = run / "snapshot.pt"
    content = {"encoder": encoder.state_dict(), "step": stored["step"], "seconds": stored["elapsed"]}
    save(path, content)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--audio", type=Path, default=HERE.parents[2] / "shared" / "audio")
    parser.add_argument("--cache", type=Path, default=HERE / ".cache")
    parser.add_argument("--run", type=Path, default=HERE / ".cache" / "run")
    parser.add_argument("--minutes", type=float, default=110, help="training time by the clock")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only-train", action="store_true", help="neither export nor evaluate")
    parser.add_argument("--snapshot", action="store_true", help="standardise the last checkpoint")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    start = time.monotonic()
    prepare(options.audio, options.cache)
    if options.snapshot:
        print(snapshot(options.cache, options.run))
        return
    encoder = train(options.cache, options.run, options.minutes)
    if not options.only_train:
        from export import export

        export(encoder, options.audio, HERE.parent / "encoders" / "earmark-small")
    print(f"done in {(time.monotonic() - start) / 60:.0f} min", flush=True)


if __name__ == "__main__":
    main()
