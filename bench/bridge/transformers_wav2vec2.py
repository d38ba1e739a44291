"""Base-size Wav2Vec2 (freshly initialised: only its speed matters) on torch, and the same as a bundle for the server.

transformers_wav2vec2.py BUNDLE_FOLDER WINDOWS.f32 SAMPLES_PER_WINDOW THREADS
Writes the bundle, then reads a JSON list of window numbers per line and answers with the seconds that each took.
"""

import hashlib
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from transformers import Wav2Vec2Config, Wav2Vec2Model

folder, file, samples, threads = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
torch.set_num_threads(threads)
torch.manual_seed(1)
windows = torch.from_numpy(np.fromfile(file, "<f4").reshape(-1, samples))


class Pooled(torch.nn.Module):
    """`pcm` → one vector of length 1: the mean of the last layer's frames."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Wav2Vec2Model(Wav2Vec2Config(attn_implementation="eager")).eval()

    def forward(self, pcm: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.normalize(self.model(pcm).last_hidden_state.mean(dim=1), dim=1)


pooled = Pooled().eval()
folder.mkdir(parents=True, exist_ok=True)
with torch.no_grad():
    torch.onnx.export(
        pooled,
        (windows[:1],),
        folder / "model.onnx",
        input_names=["pcm"],
        output_names=["features"],
        dynamic_axes={"pcm": {0: "batch", 1: "samples"}, "features": {0: "batch"}},
        opset_version=17,
        dynamo=False,
    )
quantize_dynamic(
    folder / "model.onnx", folder / "model.int8.onnx", op_types_to_quantize=["MatMul"], weight_type=QuantType.QInt8
)
files = {}
for name, precision in (("model.onnx", "fp32"), ("model.int8.onnx", "int8")):
    content = (folder / name).read_bytes()
    files[name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content), "precision": precision}
manifest = {
    "format": "earmark-encoder.v1",
    "name": "wav2vec2-base",
    "revision": "untrained",
    "architecture": "Wav2Vec2 base, freshly initialised",
    "dimensions": 768,
    "sampleRate": 16000,
    "hop": 320,
    "receptiveField": 400,
    "minimumSamples": 400,
    "window": {"seconds": samples / 16000, "hopSeconds": samples / 32000},
    "pooling": "mean",
    "normalisation": "none",
    "metric": "cosine",
    "calibration": {"defaultThreshold": 0.8, "points": [[0.5, 0.1], [0.9, 0.9]]},
    "files": files,
    "license": "Apache-2.0",
}
(folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
models = {
    "fp32": {"bundle": folder.name},
    "int8": {"bundle": folder.name, "useQuantization": True},
}
(folder.parent / "models.json").write_text(json.dumps({"default": "fp32", "models": models}), "utf-8")

with torch.inference_mode():
    for _ in range(2):
        pooled(windows[:1])
    print("ready", flush=True)
    for line in sys.stdin:
        seconds = []
        for number in json.loads(line):
            began = time.perf_counter()
            pooled(windows[number : number + 1])
            seconds.append(time.perf_counter() - began)
        print(json.dumps(seconds), flush=True)
