"""The anchor gives the very vectors of the encoder that it was read from, wherever a sound lies in its crop."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from anchor import Anchor  # noqa: E402
from model import WINDOW, Encoder  # noqa: E402


def test_the_anchor_gives_the_learnt_part_of_the_encoder_that_it_was_read_from(tmp_path: Path) -> None:
    torch.manual_seed(3)
    encoder = Encoder().eval()
    torch.save({"encoder": encoder.state_dict()}, tmp_path / "encoder.pt")
    anchor = Anchor(tmp_path)
    generator = torch.Generator().manual_seed(4)
    sounds = torch.randn(3, WINDOW, generator=generator)
    sounds[1:] *= torch.sin(torch.arange(WINDOW) * torch.tensor([[0.002], [0.01]]))
    with torch.no_grad():
        learnt, _ = encoder.parts(sounds)
    assert torch.nn.functional.cosine_similarity(anchor(sounds), learnt).min() > 0.999
    word = torch.randn(1, 6000, generator=generator)
    assert torch.allclose(anchor(word), anchor(torch.nn.functional.pad(word, (9000, 1000))), atol=1e-2)
    assert not any(parameter.requires_grad for parameter in anchor.parameters())
