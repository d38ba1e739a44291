"""The encoder: PCM in, one unit vector of 768 numbers out.

    PCM -> to the middle of a second -> unit variance -> log-mel
        -> stem -> Wav2Vec2BertModel -> mean, deviation = 512 learnt numbers
        -> mean, deviation, fast and slow change        = 256 measured numbers

Both parts are standardised (background mean and scale; the learnt one whitened as well), brought to
unit length and joined with a fixed weight. The learnt part knows what things are called; the measured
part is what wins on textures (water, pans, fans), where names are of no help. Everything is inside
the graph, so whoever runs it needs nothing but samples.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from transformers import Wav2Vec2BertConfig, Wav2Vec2BertModel

SAMPLE_RATE = 16_000
FRAME, HOP, FFT, BANDS = 400, 160, 512, 64
#: Channels of the stem's convolutions; their strides over bands and frames.
STEM = ((32, (2, 1)), (64, (2, 2)), (96, (2, 1)), (64, (1, 1)))
TOKEN_HOP = HOP * 2
TOKEN_WIDTH = 64 * BANDS // 8
#: What one token has heard of: 13 frames.
RECEPTIVE_FIELD = FRAME + 12 * HOP
HIDDEN = 256
LEARNT, MEASURED = 2 * HIDDEN, 4 * BANDS
DIMENSIONS = LEARNT + MEASURED
#: Power below which a band counts as empty: about 50 dB under white noise of the same level.
EMPTY = 1e-3
SLOW = 8
#: The least that the network hears at once; a shorter sound lies in the middle of it.
WINDOW = SAMPLE_RATE
#: What is under this part of a window's peak (-60 dB) before and after the sound is not the sound.
AUDIBLE = 1e-3
#: The shortest input has two slow frames, so that every deviation exists: 135 ms.
MINIMUM_SAMPLES = FRAME + (SLOW + SLOW // 2 - 1) * HOP


def mel_filters() -> np.ndarray:
    """Triangles on the mel scale; the lowest are widened to the spacing of the spectrum."""
    top = 2595 * np.log10(1 + (SAMPLE_RATE / 2) / 700)
    bottom = 2595 * np.log10(1 + 40 / 700)
    edges = 700 * (10 ** (np.linspace(bottom, top, BANDS + 2) / 2595) - 1)
    bins = np.arange(FFT // 2 + 1) * SAMPLE_RATE / FFT
    spacing = SAMPLE_RATE / FFT
    filters = np.zeros((FFT // 2 + 1, BANDS), dtype=np.float32)
    for i in range(BANDS):
        low = min(edges[i], edges[i + 1] - spacing)
        high = max(edges[i + 2], edges[i + 1] + spacing)
        rise = (bins - low) / (edges[i + 1] - low)
        fall = (high - bins) / (high - edges[i + 1])
        filters[:, i] = np.maximum(0, np.minimum(rise, fall))
    return filters / filters.sum(axis=0, keepdims=True)


def centred(pcm: Tensor) -> Tensor:
    """`[batch, samples]` to `[batch, at least WINDOW]`: what is heard in the middle, silence around it.

    A word is the same word wherever it lies in its window, and a network that pools over time knows
    that only nearly. Windows full of sound, which is most of them, stay as they are.
    """
    count = torch._shape_as_tensor(pcm)[1]  # kept as a shape when the graph is traced
    length = count.clamp(min=WINDOW)
    level = pcm.abs()
    heard = level > AUDIBLE * level.amax(dim=1, keepdim=True)
    at = torch.arange(count, device=pcm.device)
    first = torch.where(heard, at, count).amin(dim=1, keepdim=True)
    end = torch.where(heard, at + 1, 0).amax(dim=1, keepdim=True)
    index = torch.arange(length, device=pcm.device) + first - (length - (end - first)) // 2
    inside = (index >= 0) & (index < count)
    return torch.where(inside, pcm.gather(1, index.clamp(0, count - 1)), 0.0)


class LogMel(nn.Module):
    """Log-mel bands by a fixed convolution, so that the exported graph needs no FFT."""

    def __init__(self) -> None:
        super().__init__()
        window = np.hanning(FRAME + 1)[:-1]
        turn = 2 * np.pi * np.outer(np.arange(FFT // 2 + 1), np.arange(FRAME)) / FFT
        basis = np.concatenate([np.cos(turn), np.sin(turn)]) * window
        self.register_buffer("window", torch.tensor(window, dtype=torch.float32))
        self.register_buffer("basis", torch.tensor(basis, dtype=torch.float32).unsqueeze(1))
        self.register_buffer("filters", torch.tensor(mel_filters()).T.unsqueeze(-1).contiguous())
        self.register_buffer("mean", torch.zeros(BANDS, 1))
        self.register_buffer("scale", torch.ones(BANDS, 1))

    def forward(self, pcm: Tensor) -> Tensor:
        """`[batch, samples]` to `[batch, bands, frames]`."""
        pcm = pcm - pcm.mean(dim=1, keepdim=True)
        # The floor keeps digital silence finite: it comes out as the empty spectrum.
        pcm = pcm / torch.sqrt((pcm * pcm).mean(dim=1, keepdim=True) + 1e-9)
        if self.training:  # the same numbers, faster where an FFT exists
            frames = pcm.unfold(1, FRAME, HOP) * self.window
            spectrum = torch.view_as_real(torch.fft.rfft(frames, FFT))
            power = (spectrum * spectrum).sum(dim=-1).transpose(1, 2)
        else:
            parts = nn.functional.conv1d(pcm.unsqueeze(1), self.basis, stride=HOP)
            power = parts * parts
            half = FFT // 2 + 1
            power = power[:, :half] + power[:, half:]
        bands = nn.functional.conv1d(power, self.filters)
        return (torch.log(bands + EMPTY) - self.mean) / self.scale


def deviation(x: Tensor, dim: int) -> Tensor:
    centred = x - x.mean(dim=dim, keepdim=True)
    return torch.sqrt((centred * centred).mean(dim=dim) + 1e-4)


def measured_statistics(bands: Tensor) -> Tensor:
    """`[batch, bands, frames]` to `[batch, 256]`: how loud each band is and how it moves."""
    fast = bands[:, :, 1:] - bands[:, :, :-1]
    smooth = nn.functional.avg_pool1d(bands, SLOW, stride=SLOW // 2)
    slow = smooth[:, :, 1:] - smooth[:, :, :-1]
    return torch.cat([bands.mean(dim=2), deviation(bands, 2), deviation(fast, 2), deviation(slow, 2)], dim=1)


class Stem(nn.Module):
    """Log-mel to tokens by convolutions over time and frequency: 50 tokens a second.

    A pattern of bands means the same a few bands higher; plain stacking of frames would have to learn
    that from examples, which a small corpus does not have.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 1
        for channels, stride in STEM:
            layers += [nn.Conv2d(before, channels, 3, stride, 1, bias=False), nn.BatchNorm2d(channels), nn.SiLU()]
            before = channels
        self.layers = nn.Sequential(*layers)

    def forward(self, bands: Tensor) -> Tensor:
        """`[batch, bands, frames]` to `[batch, tokens, TOKEN_WIDTH]`."""
        return self.layers(bands.unsqueeze(1)).permute(0, 3, 1, 2).flatten(2)


def encoder_config() -> Wav2Vec2BertConfig:
    return Wav2Vec2BertConfig(
        feature_projection_input_dim=TOKEN_WIDTH,
        hidden_size=HIDDEN,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=576,
        position_embeddings_type="relative_key",
        left_max_position_embeddings=32,
        right_max_position_embeddings=32,
        conv_depthwise_kernel_size=15,
        hidden_act="swish",
        hidden_dropout=0.1,
        attention_dropout=0.0,
        activation_dropout=0.1,
        feat_proj_dropout=0.0,
        conformer_conv_dropout=0.0,
        layerdrop=0.0,
        apply_spec_augment=False,
        add_adapter=False,
        output_hidden_size=HIDDEN,
    )


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.logmel = LogMel()
        self.stem = Stem()
        self.wav2vec = Wav2Vec2BertModel(encoder_config())
        self.standardise_learnt = nn.BatchNorm1d(LEARNT, affine=False, momentum=0.02)
        self.standardise_measured = nn.BatchNorm1d(MEASURED, affine=False, momentum=0.02)
        #: Turns the learnt part so that background sounds spread alike in all directions; set at export.
        self.register_buffer("whitening", torch.eye(LEARNT), persistent=False)
        #: Share of the squared length that the measured part has in the stored vector.
        self.register_buffer("measured_share", torch.tensor(0.25))

    def learnt(self, bands: Tensor) -> Tensor:
        hidden = self.wav2vec(self.stem(bands)).last_hidden_state.float()
        return torch.cat([hidden.mean(dim=1), deviation(hidden, 1)], dim=1)

    def parts(self, pcm: Tensor) -> tuple[Tensor, Tensor]:
        """The learnt and the measured part, standardised, each of unit length."""
        bands = self.logmel(centred(pcm))
        learnt = self.standardise_learnt(self.learnt(bands)) @ self.whitening
        measured = self.standardise_measured(measured_statistics(bands))
        return nn.functional.normalize(learnt, dim=1), nn.functional.normalize(measured, dim=1)

    def forward(self, pcm: Tensor) -> Tensor:
        learnt, measured = self.parts(pcm)
        share = self.measured_share
        return torch.cat([torch.sqrt(1 - share) * learnt, torch.sqrt(share) * measured], dim=1)
