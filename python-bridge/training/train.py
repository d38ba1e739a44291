"""Trains the shipped encoder: prepare, train, export, evaluate. Stop it and start it again freely.

    python python-bridge/training/train.py --audio ../shared/audio

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
from torch import Tensor, distributed, multiprocessing, nn
from torch.utils.data import DataLoader

from batches import Batches
from corpus import Cache
from losses import supervised_contrastive
from model import LEARNT, MEASURED, Encoder, measured_statistics
from prepare import prepare

HERE = Path(__file__).resolve().parent
SEED = 6
BATCH = 112
PEAK_RATE, LAST_SHARE, WARM_UP = 1.2e-3, 0.01, 100
TEMPERATURE = 0.1
REGRESSION_WEIGHT = 0.3
AVERAGE_DECAY = 0.995
CHECKPOINT_SECONDS = 300
STANDARDISATION_BATCHES = 60


class Training(nn.Module):
    """The encoder and what it needs only while it learns."""

    def __init__(self, kin: Tensor) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.statistics_head = nn.Linear(LEARNT, MEASURED)
        self.register_buffer("kin", kin)

    def forward(self, pcm: Tensor, names: Tensor) -> tuple[Tensor, Tensor]:
        encoder = self.encoder
        with torch.no_grad():
            bands = encoder.logmel(pcm)
            measured = encoder.standardise_measured(measured_statistics(bands))
        with torch.autocast("cpu", torch.bfloat16):
            raw = encoder.learnt(masked(bands))
        learnt = encoder.standardise_learnt(raw.float())
        vectors = nn.functional.normalize(learnt, dim=1)
        contrastive = supervised_contrastive(vectors, names, self.kin, TEMPERATURE)
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


def rate_at(step: int, elapsed: float, minutes: float, second: float) -> float:
    """A cosine over `minutes`, then one from a third of the height over `second` more."""
    minute = elapsed / 60
    if minute < minutes:
        cosine = 0.5 * (1 + math.cos(math.pi * minute / minutes))
    else:
        cosine = 0.5 / 3 * (1 + math.cos(math.pi * min(1.0, (minute - minutes) / max(second, 1e-6))))
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
def standardise(encoder: Encoder, cache: Path, count: int) -> None:
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


class Averaging:
    """Sums gradients over the processes, one exchange a step; rank 0's clock rules all of them."""

    def __init__(self, module: nn.Module, rank: int, processes: int) -> None:
        self.parameters = list(module.parameters())
        self.rank, self.processes = rank, processes

    def __call__(self, elapsed: float) -> float:
        if self.processes == 1:
            return elapsed
        clock = torch.tensor([elapsed if self.rank == 0 else 0.0])
        flat = torch.cat([clock, *(p.grad.flatten() for p in self.parameters if p.grad is not None)])
        distributed.all_reduce(flat)
        at = 1
        for p in self.parameters:
            if p.grad is not None:
                p.grad.copy_(flat[at : at + p.numel()].view_as(p) / self.processes)
                at += p.numel()
        return float(flat[0])


def train_one(rank: int, processes: int, cache: Path, run: Path, minutes: float, second: float, threads: int) -> None:
    """One of the processes that train together; the first one writes and reports."""
    if processes > 1:
        meeting = f"file://{(run / 'meeting').resolve()}"
        distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=processes)
    torch.set_num_threads(threads)
    torch.manual_seed(SEED)
    kin = torch.tensor(np.asarray(Cache(cache).kin()), dtype=torch.long)
    training = Training(kin)
    decayed = [p for p in training.parameters() if p.ndim > 1]
    plain = [p for p in training.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.02}, {"params": plain, "weight_decay": 0.0}],
        lr=PEAK_RATE, betas=(0.9, 0.98), fused=True,
    )  # fmt: skip
    checkpoint = run / "checkpoint.pt"
    step, elapsed = 0, 0.0
    if checkpoint.exists():
        stored = torch.load(checkpoint, weights_only=True)
        training.load_state_dict(stored["training"])
        optimiser.load_state_dict(stored["optimiser"])
        step, elapsed = stored["step"], stored["elapsed"]
        average = copy.deepcopy(training.encoder)
        average.load_state_dict(stored["average"])
        say(rank, f"resumed at step {step}, {elapsed / 60:.1f} of {minutes:.0f} min")
    else:
        measure_bands(training.encoder, cache)
        average = copy.deepcopy(training.encoder)
    training.train()
    torch.manual_seed(SEED + 100 * rank + step)  # each process hides other stretches
    exchange = Averaging(training, rank, processes)
    last_saved, started, sums = elapsed, time.monotonic() - elapsed, np.zeros(3)
    for samples, names in batches_from(cache, SEED + 1000 * rank, step):
        for group in optimiser.param_groups:
            group["lr"] = rate_at(step, elapsed, minutes, second)
        contrastive, regression = training(pcm_of(samples), names)
        optimiser.zero_grad()
        (contrastive + REGRESSION_WEIGHT * regression).backward()
        elapsed = exchange(time.monotonic() - started)
        nn.utils.clip_grad_norm_(training.parameters(), 1.0)
        optimiser.step()
        step += 1
        if rank == 0:
            update_average(average, training.encoder, min(AVERAGE_DECAY, (step + 1) / (step + 10)))
        sums += [float(contrastive.detach()), float(regression.detach()), 1]
        if step % 50 == 0:
            mean, rate = sums / sums[2], optimiser.param_groups[0]["lr"]
            say(
                rank,
                f"step {step}, {elapsed / 60:.1f}/{minutes:.0f} min, contrastive {mean[0]:.3f}, "
                f"regression {mean[1]:.3f}, rate {rate:.2e}",
            )
            sums[:] = 0
        finished = elapsed >= (minutes + second) * 60
        if rank == 0 and (finished or elapsed - last_saved > CHECKPOINT_SECONDS):
            save(checkpoint, {
                "training": training.state_dict(), "optimiser": optimiser.state_dict(),
                "average": average.state_dict(), "step": step, "elapsed": elapsed,
            })  # fmt: skip
            last_saved = elapsed
        if finished:
            break
    if processes > 1:
        distributed.destroy_process_group()


@torch.no_grad()
def update_average(average: nn.Module, newest: nn.Module, decay: float) -> None:
    for kept, new in zip(average.parameters(), newest.parameters(), strict=True):
        kept.lerp_(new, 1 - decay)
    for kept, new in zip(average.buffers(), newest.buffers(), strict=True):
        kept.copy_(new)


def say(rank: int, text: str) -> None:
    if rank == 0:
        print(f"train: {text}", flush=True)


def train(cache: Path, run: Path, minutes: float, second: float, processes: int, threads: int) -> Path:
    """Processes of one thread meet once a step; threads of one process would meet at every layer."""
    run.mkdir(parents=True, exist_ok=True)
    (run / "meeting").unlink(missing_ok=True)
    arguments = (processes, cache, run, minutes, second, threads)
    if processes == 1:
        train_one(0, *arguments)
    else:
        multiprocessing.spawn(train_one, arguments, nprocs=processes)
    return snapshot(cache, run, "encoder.pt", STANDARDISATION_BATCHES)


def snapshot(cache: Path, run: Path, name: str, batches: int) -> Path:
    """The averaged weights of the last checkpoint, standardised; also while training goes on."""
    stored = torch.load(run / "checkpoint.pt", weights_only=True)
    encoder = Encoder()
    encoder.load_state_dict(stored["average"])
    standardise(encoder, cache, batches)
    path = run / name
    content = {"encoder": encoder.state_dict(), "step": stored["step"], "seconds": stored["elapsed"]}
    save(path, content)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--audio", type=Path, default=HERE.parents[2] / "shared" / "audio")
    parser.add_argument("--cache", type=Path, default=HERE / ".cache")
    parser.add_argument("--run", type=Path, default=HERE / ".cache" / "run")
    parser.add_argument("--minutes", type=float, default=65, help="training time by the clock")
    parser.add_argument("--second", type=float, default=6.2, help="minutes of a second, lower schedule")
    parser.add_argument("--processes", type=int, default=2, help="that train together, one batch each")
    parser.add_argument("--threads", type=int, default=1, help="of each process")
    parser.add_argument("--only-train", action="store_true", help="neither export nor evaluate")
    parser.add_argument("--snapshot", action="store_true", help="standardise the last checkpoint")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    start = time.monotonic()
    prepare(options.audio, options.cache)
    if options.snapshot:
        print(snapshot(options.cache, options.run, "snapshot.pt", 30))
        return
    encoder = train(options.cache, options.run, options.minutes, options.second, options.processes, options.threads)
    if not options.only_train:
        from export import export

        export(encoder, options.audio, HERE.parent / "encoders" / "earmark-small", cache=options.cache)
    print(f"done in {(time.monotonic() - start) / 60:.0f} min", flush=True)


if __name__ == "__main__":
    main()
