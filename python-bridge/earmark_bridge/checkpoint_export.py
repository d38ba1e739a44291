"""A program of its own: turns a Hugging Face checkpoint into a bundle. Started by checkpoint.py.

Its one argument is the task as JSON; each line it prints is progress, the last one before a failure is the reason.
Needs requirements-models.txt. Only safetensors are read and no code of a checkpoint is ever run.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime as ort
import psutil

from .calibration import calibrated
from .checkpoint import MADE
from .made_sounds import made_pairs

try:
    import torch
    import transformers
    from torch import Tensor, nn
except ImportError:
    print("checkpoints need torch and transformers: pip install -r requirements-models.txt")
    sys.exit(1)

CLASSES: Final = {
    "wav2vec2": transformers.Wav2Vec2Model,
    "hubert": transformers.HubertModel,
    "wavlm": transformers.WavLMModel,
    "data2vec-audio": transformers.Data2VecAudioModel,
}
FILES: Final = ("config.json", "preprocessor_config.json")
WEIGHT_PATTERNS: Final = ("model.safetensors", "model.safetensors.index.json", "model-*.safetensors")
# Of a vector of length 1; the exported graph must say the same as torch.
TOLERANCE: Final = 1e-4
#: Each is heard twice, a second at a time: half a minute for a base-size model on two cores.
MADE_SOUNDS: Final = 150
LARGEST_GRAPH_BYTES: Final = 2**31 - 2**20
# Parameters that only training uses, which some checkpoints leave out.
_NOT_NEEDED: Final = ("masked_spec_embed",)


class ExportError(Exception):
    """Why there is no model; for the person who wrote models.json."""


class Features(nn.Module):
    """PCM to one vector of length 1: the feature extractor's normalisation, chosen layers, mean over time, and
    where a background is given its mean and deviation."""

    def __init__(self, encoder: nn.Module, first: int, last: int, *, normalise: bool) -> None:
        super().__init__()
        self.encoder = encoder
        self.first, self.last = first, last
        self.normalise = normalise
        self.background: tuple[Tensor, Tensor] | None = None

    def pooled(self, pcm: Tensor) -> Tensor:
        if self.normalise:
            centred = pcm - pcm.mean(dim=1, keepdim=True)
            pcm = centred / torch.sqrt(centred.square().mean(dim=1, keepdim=True) + 1e-7)
        states = self.encoder(pcm, output_hidden_states=True).hidden_states[self.first : self.last + 1]
        return torch.stack(states).mean(dim=0).mean(dim=1)

    def forward(self, pcm: Tensor) -> Tensor:
        pooled = self.pooled(pcm)
        if self.background is not None:
            mean, deviation = self.background
            pooled = (pooled - mean) / deviation
        return nn.functional.normalize(pooled, dim=1)


def download(name: str, revision: str, folder: Path) -> None:
    """Configuration and safetensors of exactly that commit; nothing else is fetched."""
    import fnmatch

    from huggingface_hub import HfApi, hf_hub_download

    info = HfApi().model_info(name, revision=revision, files_metadata=True)
    if info.sha != revision:
        raise ExportError(f"the hub answered with commit {info.sha} instead of {revision}")
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
    wanted = [
        file for file in sizes if file in FILES or any(fnmatch.fnmatch(file, pattern) for pattern in WEIGHT_PATTERNS)
    ]
    if not any(file.endswith(".safetensors") for file in wanted):
        raise ExportError(f"{name} at {revision} has no safetensors; other weight formats are not read")
    with _progress(folder, sum(sizes[file] for file in wanted)):
        for file in wanted:
            hf_hub_download(name, file, revision=revision, local_dir=folder)


@contextmanager
def _progress(folder: Path, total: int) -> Iterator[None]:
    over = threading.Event()

    def report() -> None:
        while not over.wait(3):
            done = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
            print(f"downloaded {done / 1e6:.0f} of {total / 1e6:.0f} MB")

    print(f"downloading {total / 1e6:.0f} MB")
    thread = threading.Thread(target=report, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def load(folder: Path) -> nn.Module:
    config = json.loads((folder / "config.json").read_bytes())
    kind = config.get("model_type")
    if kind not in CLASSES:
        raise ExportError(f"a model of type {kind!r} is not read; known are {', '.join(CLASSES)}")
    encoder, about = CLASSES[kind].from_pretrained(
        folder,
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        output_loading_info=True,
        attn_implementation="eager",
        dtype=torch.float32,
    )
    missing = [key for key in about["missing_keys"] if not key.endswith(_NOT_NEEDED)]
    if missing or about["mismatched_keys"]:
        raise ExportError(f"the checkpoint lacks weights that the model needs, such as {[*missing, '?'][0]}")
    return encoder.eval()


def layers(layer: int | str | list[int], count: int) -> tuple[int, int]:
    """First and last of the `count` hidden states."""
    if isinstance(layer, str):
        first, last = 0, count - 1
    else:
        first, last = (layer, layer) if isinstance(layer, int) else layer
    if not 0 <= first <= last < count:
        raise ExportError(f"layer {layer} is not among the hidden states 0 to {count - 1}")
    return first, last


@torch.no_grad()
def standardise_by_made_sounds(features: Features, sample_rate: int) -> dict[str, Any]:
    """Gives the features their background; returns the calibration that goes with it."""
    print(f"hearing {2 * MADE_SOUNDS} made sounds, by which vectors are standardised")
    windows = torch.from_numpy(made_pairs(MADE_SOUNDS, sample_rate, sample_rate)).flatten(0, 1)
    pooled = torch.cat([features.pooled(batch) for batch in windows.split(8)])
    deviation = pooled.std(dim=0)
    # A number that hardly varies says nothing, and must not be blown up until it does.
    features.background = pooled.mean(dim=0), deviation + 0.1 * deviation.mean()
    mean, scale = features.background
    vectors = nn.functional.normalize((pooled - mean) / scale, dim=1).double().numpy()
    similarity = vectors[0::2] @ vectors[1::2].T
    unrelated = ~np.eye(MADE_SOUNDS, dtype=bool)
    return calibrated(np.diag(similarity), similarity[unrelated])


def read_background(path: Path, dimensions: int) -> tuple[Tensor, Tensor]:
    given = json.loads(path.read_bytes())
    mean, deviation = (torch.tensor(given[key], dtype=torch.float32) for key in ("mean", "deviation"))
    if mean.shape != (dimensions,) or deviation.shape != (dimensions,) or not bool((deviation > 0).all()):
        raise ExportError(f"{path} must hold `mean` and `deviation` of {dimensions} numbers, each deviation above 0")
    return mean, deviation


def receptive_field(config: Any) -> tuple[int, int]:
    """Samples that one frame sees, and samples from frame to frame."""
    field = hop = 1
    for kernel, stride in zip(config.conv_kernel, config.conv_stride, strict=True):
        field += (kernel - 1) * hop
        hop *= stride
    return field, hop


def write_graph(features: Features, path: Path, sample_rate: int) -> None:
    if sum(parameter.numel() * 4 for parameter in features.parameters()) > LARGEST_GRAPH_BYTES:
        raise ExportError("the checkpoint is larger than the 2 GB that one ONNX file holds")
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            features,
            (torch.randn(2, sample_rate) * 0.1,),
            str(path),
            dynamo=False,
            opset_version=17,
            input_names=["pcm"],
            output_names=["features"],
            dynamic_axes={"pcm": {0: "batch", 1: "samples"}, "features": {0: "batch"}},
        )


@torch.no_grad()
def largest_difference(features: Features, path: Path, lengths: tuple[int, ...]) -> float:
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    generator = torch.Generator().manual_seed(1)
    worst = 0.0
    for length in lengths:
        pcm = torch.randn(1, length, generator=generator) * 0.1
        (exported,) = session.run(["features"], {"pcm": pcm.numpy()})
        worst = max(worst, float(np.abs(features(pcm).numpy() - exported).max()))
    return worst


def quantize(full: Path, path: Path) -> None:
    """Matrix products only: quantised convolutions are slower than full ones."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(full, path, op_types_to_quantize=["MatMul"], weight_type=QuantType.QInt8, per_channel=True)


def export(task: dict[str, Any], work: Path) -> None:
    folder = Path(task["folder"]) if task["folder"] else work / "checkpoint"
    if task["hub"]:
        folder.mkdir()
        name, revision = task["hub"]
        download(name, revision, folder)
    print("reading the checkpoint")
    encoder = load(folder)
    config: Any = encoder.config
    preprocessor = folder / "preprocessor_config.json"
    settings = json.loads(preprocessor.read_bytes()) if preprocessor.is_file() else {}
    sample_rate = int(settings.get("sampling_rate", 16000))
    dimensions = int(config.hidden_size)
    first, last = layers(task["layer"], int(config.num_hidden_layers) + 1)
    features = Features(encoder, first, last, normalise=bool(settings.get("do_normalize", True))).eval()
    calibration = None
    if task["background"] == MADE:
        calibration = standardise_by_made_sounds(features, sample_rate)
    elif task["background"]:
        features.background = read_background(Path(task["background"]), dimensions)
    field, hop = receptive_field(config)

    print("exporting to ONNX")
    result = work / "bundle"
    result.mkdir()
    full = result / "model.onnx"
    write_graph(features, full, sample_rate)
    print("comparing with torch")
    worst = largest_difference(features, full, (field, sample_rate, sample_rate * 5 // 2 + 321))
    if not worst <= TOLERANCE:
        raise ExportError(f"the exported model differs from torch by {worst:.1e}, more than {TOLERANCE:.0e}")
    precision = "fp32"
    if task["quantize"]:
        print("quantising the matrix products")
        quantize(full, result / "model.int8.onnx")
        full.unlink()
        precision = "int8"
    described = {
        "architecture": config.model_type,
        "dimensions": dimensions,
        "sampleRate": sample_rate,
        "hop": hop,
        "receptiveField": field,
        "minimumSamples": field,
        "pooling": f"mean over time of hidden states {first} to {last}",
        "calibration": calibration,
    }
    write_manifest(result, task, folder, precision, described)
    try:
        result.rename(task["bundle"])
    except OSError:
        # Another server's export of the same was sooner.
        if not Path(task["bundle"]).is_dir():
            raise
    print(f"exported; the largest difference from torch was {worst:.1e}")


def write_manifest(result: Path, task: dict[str, Any], folder: Path, precision: str, described: dict[str, Any]) -> None:
    weights = hashlib.sha256()
    for file in sorted(folder.glob("model*.safetensors")):
        weights.update(file.read_bytes())
    background = str(task["background"]).encode()
    if task["background"] not in (None, MADE):
        background = Path(task["background"]).read_bytes()
    choice = hashlib.sha256(json.dumps([task["layer"], precision]).encode() + background)
    manifest = {
        "format": "earmark-encoder.v1",
        "name": task["name"],
        # Vectors of another choice of layers must not be mistaken for these.
        "revision": f"{weights.hexdigest()[:12]}-{choice.hexdigest()[:8]}",
        **described,
        "window": task["window"],
        "normalisation": "background, then length 1" if task["background"] else "length 1",
        "metric": "cosine",
        "files": {
            file.name: {
                "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
                "bytes": file.stat().st_size,
                "precision": precision,
            }
            for file in sorted(result.iterdir())
        },
        "license": "that of the checkpoint",
    }
    (result / "manifest.json").write_text(json.dumps(manifest, indent=1), "utf-8")


def work_folder(bundle: Path) -> Path:
    """One of this process's own, as two servers may export the same at once; what killed exports left is removed."""
    for left in bundle.parent.glob(f"{bundle.name}.*.part"):
        if not psutil.pid_exists(int(left.name.split(".")[1])):
            shutil.rmtree(left, ignore_errors=True)
    work = bundle.with_name(f"{bundle.name}.{os.getpid()}.part")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    return work


def main() -> int:
    task = json.loads(sys.argv[1])
    work = work_folder(Path(task["bundle"]))
    transformers.logging.set_verbosity_error()
    try:
        export(task, work)
    except ExportError as error:
        print(error)
        return 1
    except Exception as error:  # whatever torch, transformers or the hub raise is a reason to tell
        print(f"{type(error).__name__}: {' '.join(str(error).split())[:500]}")
        return 1
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
