"""A small real ONNX model in a bundle of its own: mean magnitude of 8 filters, brought to length 1.

It is linear algebra only, so the tests know its answers from numpy. A sample above 1 makes it slow, one of 8 makes
it run for years: the tests need a model that really hangs.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

RATE = 16000
DIMENSIONS = 8
FILTER = 400
HOP = 160
WINDOW_SECONDS = 1.0
WINDOW_HOP_SECONDS = 0.5
# A window whose loudest sample is this keeps the model busy for about half a second, and for ever.
SLOW_SAMPLE = 4.25
HANG_SAMPLE = 8.0
_SLOWNESS = 4.0

FILTERS = np.random.default_rng(1).standard_normal((DIMENSIONS, FILTER)).astype(np.float32)


def expected(pcm: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the model gives for one window no longer than its own."""
    frames = np.lib.stride_tricks.sliding_window_view(pcm, FILTER)[::HOP]
    features = np.abs(frames @ FILTERS.T).mean(axis=0) + 1e-6
    return (features / np.linalg.norm(features)).astype(np.float32)


def _model() -> onnx.ModelProto:
    def constant(name: str, value: object, dtype: type) -> TensorProto:
        return numpy_helper.from_array(np.array(value, dtype), name)

    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go_in"], ["go_out"]),
            helper.make_node("Mul", ["carry_in", "half"], ["carry_out"]),
        ],
        "wait",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_in", TensorProto.BOOL, []),
            helper.make_tensor_value_info("carry_in", TensorProto.FLOAT, []),
        ],
        [
            helper.make_tensor_value_info("go_out", TensorProto.BOOL, []),
            helper.make_tensor_value_info("carry_out", TensorProto.FLOAT, []),
        ],
        [constant("half", 0.5, np.float32)],
    )
    nodes = [
        helper.make_node("Unsqueeze", ["pcm", "axis1"], ["signal"]),
        helper.make_node("Conv", ["signal", "filters"], ["filtered"], strides=[HOP]),
        helper.make_node("Abs", ["filtered"], ["magnitude"]),
        helper.make_node("ReduceMean", ["magnitude", "axis2"], ["mean"], keepdims=0),
        helper.make_node("Add", ["mean", "tiny"], ["raised"]),
        helper.make_node("LpNormalization", ["raised"], ["direction"], axis=1, p=2),
        # exp(4 * (loudest - 1)) turns of a loop that does nothing: none for audio within ±1.
        helper.make_node("ReduceMax", ["pcm"], ["loudest"], keepdims=0),
        helper.make_node("Sub", ["loudest", "one"], ["beyond"]),
        helper.make_node("Mul", ["beyond", "slowness"], ["exponent"]),
        helper.make_node("Exp", ["exponent"], ["turns_float"]),
        helper.make_node("Cast", ["turns_float"], ["turns"], to=TensorProto.INT64),
        helper.make_node("Loop", ["turns", "go", "zero"], ["carry"], body=body),
        helper.make_node("Add", ["direction", "carry"], ["features"]),
    ]
    graph = helper.make_graph(
        nodes,
        "fixture",
        [helper.make_tensor_value_info("pcm", TensorProto.FLOAT, ["batch", "samples"])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", DIMENSIONS])],
        [
            numpy_helper.from_array(FILTERS[:, np.newaxis, :], "filters"),
            constant("axis1", [1], np.int64),
            constant("axis2", [2], np.int64),
            constant("tiny", 1e-6, np.float32),
            constant("one", 1, np.float32),
            constant("slowness", _SLOWNESS, np.float32),
            constant("go", True, np.bool_),
            constant("zero", 0, np.float32),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 10
    onnx.checker.check_model(model, full_check=True)
    return model


def write_bundle(folder: Path) -> None:
    folder.mkdir(parents=True)
    content = _model().SerializeToString()
    files = {}
    for name in ("model.onnx", "model.int8.onnx"):
        (folder / name).write_bytes(content)
        files[name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content), "precision": "fp32"}
    manifest = {
        "format": "earmark-encoder.v1",
        "name": "fixture",
        "revision": "test-1",
        "architecture": "8 filters",
        "dimensions": DIMENSIONS,
        "sampleRate": RATE,
        "hop": HOP,
        "receptiveField": FILTER,
        "minimumSamples": FILTER,
        "window": {"seconds": WINDOW_SECONDS, "hopSeconds": WINDOW_HOP_SECONDS},
        "pooling": "mean",
        "normalisation": "none",
        "metric": "cosine",
        "calibration": {"defaultThreshold": 0.8, "points": [[0.5, 0.1], [0.9, 0.9]]},
        "files": files,
        "license": "Apache-2.0",
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")


def write_models(folder: Path) -> Path:
    """A models.json with the fixture model, a second one of the same bundle, and one whose bundle is missing."""
    write_bundle(folder / "fixture")
    path = folder / "models.json"
    models = {
        "fixture": {"bundle": "fixture"},
        "other": {"bundle": "fixture", "useQuantization": True},
        "missing": {"bundle": "nowhere"},
    }
    path.write_text(json.dumps({"default": "fixture", "models": models}), "utf-8")
    return path
