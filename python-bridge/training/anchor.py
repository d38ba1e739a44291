"""A finished encoder that says where the vectors of unchanged sounds shall stay, while another learns to hear through
rooms and noise.

The changed crop is drawn to what the anchor makes of the same crop before anything happened to it: that the vector of
a sound stays whatever lies over it is learnt directly, and what the finished encoder knew is not lost on the way.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from model import Encoder, centred


class Anchor(nn.Module):
    """PCM `[batch, samples]` to unit vectors `[batch, LEARNT]`; never trained."""

    def __init__(self, run: Path) -> None:
        """`run`: a folder with `encoder.pt`."""
        super().__init__()
        self.encoder = Encoder()
        self.encoder.load_state_dict(torch.load(run / "encoder.pt", weights_only=True, map_location="cpu")["encoder"])
        self.requires_grad_(False)
        self.eval()
        self.encoder.logmel.train()  # the faster way to the same numbers

    @torch.no_grad()
    def forward(self, pcm: Tensor) -> Tensor:
        bands = self.encoder.logmel(centred(pcm))
        with torch.autocast(bands.device.type, torch.bfloat16):
            raw = self.encoder.learnt(bands)
        return nn.functional.normalize(self.encoder.standardise_learnt(raw.float()), dim=1)
