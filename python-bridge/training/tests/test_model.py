"""The network's input: where a sound lies in its window makes no difference."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from model import WINDOW, Encoder, centred  # noqa: E402


def test_a_short_sound_comes_to_lie_in_the_middle_of_a_second_wherever_it_was() -> None:
    word = torch.linspace(-1, 1, 4001)
    middle = torch.zeros(WINDOW)
    middle[(WINDOW - 4001) // 2 :][:4001] = word
    first, last = torch.zeros(WINDOW), torch.zeros(WINDOW)
    first[:4001], last[-4001:] = word, word
    assert torch.equal(centred(torch.stack([first, last])), torch.stack([middle, middle]))
    assert torch.equal(centred(word[None]), middle[None])


def test_a_window_full_of_sound_and_silence_stay_as_they_are() -> None:
    noise = torch.randn(1, WINDOW + 5000, generator=torch.Generator().manual_seed(1))
    assert torch.equal(centred(noise), noise)
    assert torch.equal(centred(torch.zeros(1, 3000)), torch.zeros(1, WINDOW))


def test_the_vector_of_a_word_is_the_same_at_any_place_and_length() -> None:
    encoder = Encoder().eval()
    word = torch.randn(1, 6000, generator=torch.Generator().manual_seed(2))
    placed = torch.nn.functional.pad(word, (9000, 1000))
    with torch.no_grad():
        assert torch.allclose(encoder(word), encoder(placed), atol=1e-5)
