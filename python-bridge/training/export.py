"""Turns trained weights into the bundle that the server reads.

    python python-bridge/training/export.py RUN

Writes model.onnx, model.int8.onnx, config.json, model.safetensors, manifest.json and README.md, after
comparing the graphs with torch and measuring threshold and calibration on validation.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from corpus import Cache
from evaluate import (
    HERE,
    Samples,
    evaluate,
    highest_limit,
    load_encoder,
    load_validation,
    pair_scores,
    windows_of,
    with_matches,
)
from floor import Floor
from model import DIMENSIONS, LEARNT, MEASURED, MINIMUM_SAMPLES, RECEPTIVE_FIELD, SAMPLE_RATE, TOKEN_HOP, Encoder
from model_card import credits, model_card
from whiten import background, whiten

sys.path.append(str(HERE.parent))
from earmark_bridge.calibration import curve, limit

CHECKED_LENGTHS = (MINIMUM_SAMPLES, 8_000, 16_000, 24_321, 48_000)
#: The quantised graph ships only while its vectors stay this near to the full ones.
INT8_COSINE = 0.97
#: Smaller constants are not worth the node that widens them.
SMALLEST_HALVED = 256
NAME = "earmark-small"


class Pointwise(nn.Module):
    """A convolution of width one, written as the matrix product that it is, so that it quantises."""

    def __init__(self, convolution: nn.Conv1d) -> None:
        super().__init__()
        self.weight = nn.Parameter(convolution.weight.squeeze(-1).T.contiguous())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x.transpose(1, 2) @ self.weight).transpose(1, 2)


def settled(encoder: Encoder) -> Encoder:
    """As it will run: the stem's norms folded into its convolutions, weights as half precision holds them.

    What is stored in two bytes is thereby exactly what was measured, and what transformers loads.
    """
    encoder = copy.deepcopy(encoder).eval()
    layers = list(encoder.stem.layers)
    folded = []
    for layer, following in zip(layers, [*layers[1:], nn.Identity()], strict=True):
        if isinstance(layer, nn.Conv2d):
            folded.append(fuse_conv_bn_eval(layer, following))
        elif not isinstance(layer, nn.BatchNorm2d):
            folded.append(layer)
    encoder.stem.layers = nn.Sequential(*folded)
    with torch.no_grad():
        for weights in (*encoder.parameters(), encoder.logmel.basis):
            weights.copy_(weights.half())
    return encoder


def with_products(encoder: Encoder) -> Encoder:
    encoder = copy.deepcopy(encoder)
    for layer in encoder.wav2vec.encoder.layers:
        for name in ("pointwise_conv1", "pointwise_conv2"):
            setattr(layer.conv_module, name, Pointwise(getattr(layer.conv_module, name)))
    # Registered anew it is a weight of the graph, which is halved and quantised, and not a constant in a node.
    encoder.register_buffer("whitening", encoder.whitening)
    return encoder


def write_onnx(encoder: Encoder, path: Path) -> None:
    """The fp32 graph."""
    graph = with_products(encoder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph, (torch.randn(2, SAMPLE_RATE) * 0.1,), str(path), dynamo=False,
            opset_version=17, input_names=["pcm"], output_names=["features"],
            dynamic_axes={"pcm": {0: "batch", 1: "samples"}, "features": {0: "batch"}},
        )  # fmt: skip
    compact(path)


def compact(path: Path) -> None:
    """Short names inside the graph: torch writes the whole module path into every edge of it."""
    model = onnx.load(path)
    graph = model.graph
    kept = {v.name for v in (*graph.input, *graph.output, *graph.initializer)} | {""}
    short: dict[str, str] = {}
    for node in graph.node:
        for names in (node.input, node.output):
            for i, name in enumerate(names):
                if name not in kept:
                    names[i] = short.setdefault(name, f"v{len(short)}")
        node.name = node.doc_string = ""
    del graph.value_info[:]
    onnx.save(model, path)


def halve(path: Path) -> None:
    """Stores in two bytes what two bytes hold exactly; onnxruntime widens it again while it loads."""
    model = onnx.load(path)
    casts = []
    for weights in model.graph.initializer:
        values = onnx.numpy_helper.to_array(weights)
        if values.dtype != np.float32 or values.size < SMALLEST_HALVED:
            continue
        half = values.astype(np.float16)
        if (half.astype(np.float32) == values).all():
            name = weights.name
            weights.CopyFrom(onnx.numpy_helper.from_array(half, f"{name}.half"))
            casts.append(onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save(model, path)


@torch.no_grad()
def largest_difference(encoder: Encoder, path: Path) -> float:
    """From torch, over several lengths and batches."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    generator = torch.Generator().manual_seed(1)
    worst = 0.0
    for length in CHECKED_LENGTHS:
        for batch in (1, 3):
            pcm = torch.randn(batch, length, generator=generator) * 0.1
            pcm[0] = torch.sin(torch.arange(length) * 0.2) * 0.3
            theirs = session.run(["features"], {"pcm": pcm.numpy()})[0]
            worst = max(worst, float(np.abs(encoder(pcm).numpy() - theirs).max()))
    silence = session.run(["features"], {"pcm": np.zeros((1, SAMPLE_RATE), np.float32)})[0]
    if not np.isfinite(silence).all() or silence.shape != (1, DIMENSIONS):
        raise RuntimeError("Silence must give a finite vector.")
    return worst


def write_int8(full: Path, path: Path) -> float:
    """Matrix products only (quantised convolutions are slower); returns the mean cosine kept."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(full, path, op_types_to_quantize=["MatMul"], weight_type=QuantType.QInt8, per_channel=True)
    compact(path)
    rng = np.random.default_rng(2)
    pcm = rng.standard_normal((16, SAMPLE_RATE)).astype(np.float32)
    pcm *= np.exp(-np.linspace(0, 1, SAMPLE_RATE) * rng.uniform(0, 12, (16, 1))).astype(np.float32)
    a = onnxruntime.InferenceSession(full).run(["features"], {"pcm": pcm})[0]
    b = onnxruntime.InferenceSession(path).run(["features"], {"pcm": pcm})[0]
    return float((a * b).sum(axis=1).mean())


def write_transformers(encoder: Encoder, bundle: Path) -> None:
    """config.json and model.safetensors, which `Wav2Vec2BertModel.from_pretrained` loads."""
    copy.deepcopy(encoder.wav2vec).half().save_pretrained(bundle)


# Calibration --------------------------------------------------------------------------------------


def loudest_windows(encoder: Any, audio: Path) -> list[tuple[Samples, Any, Any]]:
    """One window a clip, since windows are what a memory stores: the loudest."""
    rows = []
    for data in load_validation(audio):
        pieces = [max(windows_of(s), key=lambda p: float((p**2).sum())) for s in data.samples]
        vectors = np.concatenate([encoder.encode(np.stack(pieces[i : i + 64])) for i in range(0, len(pieces), 64)])
        rows.append((vectors, data.labels, data.groups))
    return rows


def calibrate(encoder: Any, audio: Path) -> dict[str, Any]:
    """Limits and curve from pairs of windows of validation clips."""
    sets = [pair_scores(*rows) for rows in loudest_windows(encoder, audio)]
    return {"limits": [limit(apart) for _, apart in sets], "points": curve(sets)}


def speed(bundle: Path, precision: str) -> dict[str, float]:
    """Milliseconds for one window alone and seconds of audio a second in batches of eight."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    file = "model.int8.onnx" if precision == "int8" else "model.onnx"
    session = onnxruntime.InferenceSession(bundle / file, options)
    one = np.random.default_rng(0).standard_normal((1, SAMPLE_RATE)).astype(np.float32)
    eight = np.repeat(one, 8, axis=0)
    times: dict[int, list[float]] = {1: [], 8: []}
    for batch in (one, eight) * 25:
        start = time.perf_counter()
        session.run(None, {"pcm": batch})
        times[len(batch)].append(time.perf_counter() - start)
    return {
        "latency_ms": float(np.median(times[1]) * 1000),
        "x_realtime": float(8 / np.median(times[8])),
    }


def floor_report(audio: Path, cache: Path) -> dict[str, Any]:
    """The floor never changes, so it is measured once."""
    stored = cache / "floor-report.json"
    if not stored.exists():
        stored.write_text(json.dumps(with_matches(evaluate(Floor(cache), audio), None)), encoding="utf-8")
    report: dict[str, Any] = json.loads(stored.read_text(encoding="utf-8"))
    return report


def described(path: Path, precision: str | None) -> dict[str, Any]:
    content = path.read_bytes()
    row: dict[str, Any] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    if precision:
        row["precision"] = precision
    return row


def load_settled(weights: Path) -> tuple[Encoder, dict[str, Any]]:
    stored = torch.load(weights, weights_only=True, map_location="cpu")
    encoder = Encoder()
    encoder.load_state_dict(stored.pop("encoder"))
    return settled(encoder), stored


def write_graphs(encoder: Encoder, folder: Path) -> dict[str, float]:
    """Both graphs; returns how far they are from torch and from each other."""
    folder.mkdir(parents=True, exist_ok=True)
    write_onnx(encoder, folder / "model.onnx")
    kept = write_int8(folder / "model.onnx", folder / "model.int8.onnx")
    if kept < INT8_COSINE:
        raise RuntimeError(f"Quantised vectors keep a cosine of only {kept:.3f} with the full ones.")
    for graph in ("model.onnx", "model.int8.onnx"):
        halve(folder / graph)
    return {"difference": largest_difference(encoder, folder / "model.onnx"), "int8_cosine": kept}


def export(run: Path, audio: Path, bundle: Path, share: float | None = None, cache: Path = HERE / ".cache") -> None:
    """The shipped weights, with the figures of the validated ones, which never heard a validation clip."""
    from blend import sweep

    validated, trained = load_settled(run / "validated" / "encoder.pt")
    shipped, finished = load_settled(run / "shipped" / "encoder.pt")
    windows = background(Cache(cache))
    for encoder in (validated, shipped):
        whiten(encoder, windows)
    chosen = sweep(validated, audio) if share is None else share
    for encoder in (validated, shipped):
        encoder.measured_share.fill_(chosen)
    write_graphs(validated, run / "validated" / "bundle")
    nearness = write_graphs(shipped, bundle)
    write_transformers(shipped, bundle)

    full = load_encoder(run / "validated" / "bundle")
    calibration = calibrate(full, audio)
    report, unseen = evaluate(full, audio), evaluate(load_encoder(bundle), audio)
    quantised = evaluate(load_encoder(run / "validated" / "bundle", "int8"), audio, conditions=False)
    # Windows and whole clips both have to stay under one per cent, also quantised and with the weights that ship.
    limits = [*calibration["limits"], *(highest_limit(each) for each in (report, quantised, unseen))]
    threshold = round(max(limits) + 0.005, 2)
    figures = {
        "stages": trained["stages"], "last_stage": finished["stages"][-1],
        "share_after": trained.get("share_after"),
        "share": chosen, "threshold": threshold, **nearness,
        "speed": {precision: speed(bundle, precision) for precision in ("fp32", "int8")},
        "parameters": sum(p.numel() for p in shipped.parameters()),
        "reports": {
            "fp32": with_matches(report, threshold),
            "int8": with_matches(quantised, threshold),
            "shipped": with_matches(unseen, threshold),
            "floor": floor_report(audio, cache),
        },
    }  # fmt: skip
    files = {"model.onnx": "fp32", "model.int8.onnx": "int8", "config.json": None, "model.safetensors": "fp16"}
    manifest = {
        "format": "earmark-encoder.v1",
        "name": NAME,
        "revision": described(bundle / "model.onnx", None)["sha256"][:12],
        "architecture": "Wav2Vec2BertModel",
        "dimensions": DIMENSIONS,
        "sampleRate": SAMPLE_RATE,
        "hop": TOKEN_HOP,
        "receptiveField": RECEPTIVE_FIELD,
        "minimumSamples": MINIMUM_SAMPLES,
        "window": {"seconds": 1.0, "hopSeconds": 0.5},
        "pooling": f"mean and deviation of the last layer over time ({LEARNT}), beside mean, deviation, "
        f"fast and slow change of {MEASURED // 4} log-mel bands ({MEASURED})",
        "normalisation": "what is heard moved to the middle of at least one second; samples to unit "
        "variance; both parts standardised by background mean and scale, the learnt one whitened, then to unit length, "
        f"joined {1 - chosen:.2f} : {chosen:.2f} in squared length; unit length",
        "metric": "cosine",
        "calibration": {"defaultThreshold": threshold, "points": calibration["points"]},
        "files": {name: described(bundle / name, precision) for name, precision in files.items()},
        "license": "Apache-2.0",
    }
    (bundle / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    (bundle / "README.md").write_text(model_card(manifest, figures), encoding="utf-8")
    (bundle / "CREDITS.md").write_text(credits(audio), encoding="utf-8")
    print(json.dumps(figures, indent=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--audio", type=Path, default=HERE.parents[2] / "shared" / "audio")
    parser.add_argument("--cache", type=Path, default=HERE / ".cache")
    parser.add_argument("--bundle", type=Path, default=HERE.parent / "encoders" / NAME)
    parser.add_argument("--share", type=float, help="of the measured part; else chosen on validation")
    options = parser.parse_args()
    export(options.run, options.audio, options.bundle, options.share, options.cache)


if __name__ == "__main__":
    main()
