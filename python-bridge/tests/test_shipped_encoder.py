"""The server as it is shipped: its own models.json and its own encoder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import web
from numpy.typing import NDArray
from server_process import SERVER, ServerProcess
from wire import Client, greet

Signal = NDArray[np.float32]


@pytest.fixture(scope="module")
def shipped() -> Iterator[ServerProcess]:
    with ServerProcess(SERVER.with_name("models.json")) as running:
        yield running


@pytest.fixture
def shipped_client(shipped: ServerProcess) -> Iterator[Client]:
    client = greet(shipped.url)
    yield client
    client.socket.close()


def time_axis(seconds: float) -> NDArray[np.float64]:
    return np.arange(round(16000 * seconds)) / 16000


def bell(seconds: float = 1.0, pitch: float = 900.0) -> Signal:
    t = time_axis(seconds)
    partials = sum(np.sin(2 * np.pi * pitch * ratio * t) for ratio in (1, 2.76, 5.4))
    return (0.2 * partials * np.exp(-4 * (t % 1.0))).astype(np.float32)


def hiss(seconds: float = 1.0) -> Signal:
    t = time_axis(seconds)
    noise = np.random.default_rng(4).standard_normal(t.size)
    return (0.1 * noise * (np.sin(2 * np.pi * 4 * t) > 0)).astype(np.float32)


def test_it_is_ready_and_describes_its_encoder(shipped: ServerProcess) -> None:
    health = web.get(f"{shipped.url}/health").json()
    assert health["status"] == "ready"
    (model,) = health["models"]
    assert (model["name"], model["state"], model["dimensions"]) == ("earmark-small", "loaded", 768)
    assert model["sampleRate"] == 16000
    assert -1 <= model["calibration"]["defaultThreshold"] <= 1


def test_the_same_sound_is_nearer_than_another(shipped_client: Client) -> None:
    shipped_client.open(model="earmark-small")
    again = bell() * 0.4 + np.random.default_rng(5).standard_normal(16000).astype(np.float32) * 0.002
    for seq, window in enumerate([bell(), again, hiss()]):
        shipped_client.send_window(1, seq, window)
    first, second, other = (shipped_client.features().vector for _ in range(3))
    for vector in (first, second, other):
        assert abs(float(np.linalg.norm(vector)) - 1) < 1e-3
    assert float(first @ second) > float(first @ other) + 0.2


def test_every_way_in_gives_the_same_vector(shipped: ServerProcess, shipped_client: Client) -> None:
    sound = np.round(bell() * 32768).astype("<i2")
    samples = sound.astype(np.float32) / 32768
    shipped_client.open(1, model="earmark-small")
    shipped_client.open(2, model="earmark-small", encoding="s16le")
    shipped_client.send_window(1, 0, samples)
    by_float = shipped_client.features().vector
    shipped_client.send_window(2, 0, samples, encoding="s16le")
    by_integer = shipped_client.features().vector
    raw = {"content-type": "application/octet-stream"}
    answer = web.post(
        f"{shipped.url}/process/wav2vec2", content=sound.tobytes(), headers=raw, params={"sampleRate": 16000}
    )
    tensor = {"name": "pcm", "shape": [1, 16000], "datatype": "FP32", "data": samples.tolist()}
    inferred = web.post(f"{shipped.url}/v2/models/earmark-small/infer", json={"inputs": [tensor]})
    for vector in (by_integer, answer.json()["windows"][0]["features"], inferred.json()["outputs"][0]["data"]):
        np.testing.assert_allclose(vector, by_float, atol=1e-5)


def test_what_shares_a_batch_does_not_matter(shipped_client: Client) -> None:
    shipped_client.open(1, model="earmark-small")
    windows = [bell(pitch=400.0 + 100 * n) for n in range(16)]
    for seq, window in enumerate(windows):
        shipped_client.send_window(1, seq, window)
    together = [shipped_client.features().vector for _ in windows]
    for seq, window in enumerate(windows):
        shipped_client.send_window(1, 16 + seq, window)
        np.testing.assert_allclose(shipped_client.features().vector, together[seq], atol=1e-5)


def test_shortest_longest_and_silent_windows(shipped_client: Client) -> None:
    model = shipped_client.open(1, model="earmark-small")["model"]
    windows = [
        bell(2.0)[: model["minimumSamples"]],
        np.zeros(16000, np.float32),
        np.zeros(5 * 16000, np.float32),
        bell(model["maximumSamples"] / 16000)[: model["maximumSamples"]],
    ]
    for seq, window in enumerate(windows):
        shipped_client.send_window(1, seq, window)
        vector = shipped_client.features().vector
        assert vector.size == 768
        assert abs(float(np.linalg.norm(vector)) - 1) < 1e-3


CLIPS = Path(__file__).resolve().parents[2].parent / "shared" / "audio" / "speech-digits" / "clips"


@pytest.mark.skipif(not CLIPS.is_dir(), reason="../shared/audio is not on this machine")
def test_real_recordings(shipped: ServerProcess) -> None:
    for path in sorted(CLIPS.glob("*.wav"))[::60]:
        answer = web.post(
            f"{shipped.url}/process/wav2vec2",
            content=path.read_bytes(),
            headers={"content-type": "audio/wav"},
            params={"window": "whole"},
        )
        assert answer.status_code == 200
        assert len(answer.json()["windows"]) == 1
