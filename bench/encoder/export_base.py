"""Writes a base-size Wav2Vec2 with fresh weights as ONNX: the yardstick of speed. Its answers mean nothing.

    python export_base.py FILE        needs torch, transformers, onnx
"""

import sys
import warnings

import torch
from transformers import Wav2Vec2Config, Wav2Vec2Model


class Pooled(torch.nn.Module):
    """As an encoder bundle is: PCM in, one vector of length 1 out."""

    def __init__(self) -> None:
        super().__init__()
        # The defaults are those of wav2vec2-base: 12 layers, 768 wide, 94 million parameters.
        self.model = Wav2Vec2Model(Wav2Vec2Config(layerdrop=0.0, attn_implementation="eager"))

    def forward(self, pcm: torch.Tensor) -> torch.Tensor:
        frames = self.model(pcm).last_hidden_state
        return torch.nn.functional.normalize(frames.mean(dim=1), dim=1)


torch.manual_seed(1)
with warnings.catch_warnings(), torch.no_grad():
    warnings.simplefilter("ignore")
    torch.onnx.export(
        Pooled().eval(),
        (torch.randn(1, 16_000) * 0.1,),
        sys.argv[1],
        dynamo=False,
        opset_version=17,
        input_names=["pcm"],
        output_names=["features"],
        dynamic_axes={"pcm": {0: "batch", 1: "samples"}, "features": {0: "batch"}},
    )
