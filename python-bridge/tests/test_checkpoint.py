"""Hugging Face checkpoints through the server, compared with transformers itself.

Needs requirements-models.txt, which the ordinary tests do without. EARMARK_SLOW=1 adds the base-size models.
"""

from __future__ import annotations

import http.server
import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import web
from numpy.typing import NDArray
from server_process import ServerProcess
from wire import greet

from earmark_bridge.made_sounds import made_pairs

torch = pytest.importorskip("torch", reason="torch is not installed: pip install -r requirements-models.txt")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")

RATE = 16000
LENGTHS = (400, RATE, 2 * RATE - 77)
SMALL = {
    "hidden_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "conv_dim": [32] * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
}
LAYER_NORM = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
MODELS = {
    "wav2vec2": ("Wav2Vec2Config", "Wav2Vec2Model", {}),
    "wav2vec2-layer-norm": ("Wav2Vec2Config", "Wav2Vec2Model", LAYER_NORM),
    "hubert": ("HubertConfig", "HubertModel", {}),
    "wavlm": ("WavLMConfig", "WavLMModel", {}),
    "data2vec-audio": ("Data2VecAudioConfig", "Data2VecAudioModel", {"conv_pos_kernel_size": 7}),
}

slow = pytest.mark.skipif(not os.environ.get("EARMARK_SLOW"), reason="base-size models: set EARMARK_SLOW=1")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Not an EARMARK_ variable: the tests' servers do not inherit those.
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def write_checkpoint(folder: Path, kind: str, shape: dict[str, Any], *, do_normalize: bool = True) -> Any:
    """A freshly initialised model, stored as transformers stores one."""
    config_class, model_class, extra = MODELS[kind]
    torch.manual_seed(5)
    model = getattr(transformers, model_class)(getattr(transformers, config_class)(**shape, **extra)).eval()
    model.save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=do_normalize).save_pretrained(folder)
    return model


def reference(model: Any, folder: Path, pcm: NDArray[np.float32], first: int, last: int) -> NDArray[np.float32]:
    """What transformers says: its own feature extractor, hidden states, mean over time."""
    extractor = transformers.Wav2Vec2FeatureExtractor.from_pretrained(folder)
    inputs = extractor(pcm, sampling_rate=RATE, return_tensors="pt").input_values
    with torch.no_grad():
        states = model(inputs, output_hidden_states=True).hidden_states
    vector = torch.stack(states[first : last + 1]).mean(0).mean(1)[0]
    return (vector / vector.norm()).numpy()


def write_models(folder: Path, entry: dict[str, Any], **more: Any) -> Path:
    path = folder / "models.json"
    path.write_text(json.dumps({"default": "model", "models": {"model": entry}, **more}), "utf-8")
    return path


def serve(models: Path) -> ServerProcess:
    server = ServerProcess(models)
    server.wait_for_line("is ready after", seconds=900)
    return server


def embed(server: ServerProcess, windows: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    server.wait_until_ready()
    client = greet(server.url)
    client.open(model="model")
    for seq, window in enumerate(windows):
        client.send_window(1, seq, window)
    vectors = [client.features(60).vector for _ in windows]
    client.socket.close()
    return vectors


def sounds(lengths: tuple[int, ...] = LENGTHS) -> list[NDArray[np.float32]]:
    noise = np.random.default_rng(2)
    return [(noise.standard_normal(length) * 0.1 + 0.02).astype(np.float32) for length in lengths]


def check(folder: Path, kind: str, shape: dict[str, Any], entry: dict[str, Any], first: int, last: int) -> float:
    model = write_checkpoint(folder / "checkpoint", kind, shape)
    windows = sounds()
    with serve(write_models(folder, {"folder": "checkpoint", "background": None, **entry})) as server:
        vectors = embed(server, windows)
    expected = [reference(model, folder / "checkpoint", window, first, last) for window in windows]
    return max(float(np.abs(ours - theirs).max()) for ours, theirs in zip(vectors, expected, strict=True))


@pytest.mark.parametrize("kind", MODELS)
def test_the_vectors_are_those_of_transformers(tmp_path: Path, kind: str) -> None:
    assert check(tmp_path, kind, SMALL, {}, 0, 3) <= 1e-4


@pytest.mark.parametrize(("layer", "first", "last"), [(0, 0, 0), (3, 3, 3), ([1, 2], 1, 2)])
def test_layers(tmp_path: Path, layer: int | list[int], first: int, last: int) -> None:
    assert check(tmp_path, "wav2vec2", SMALL, {"layer": layer}, first, last) <= 1e-4


@slow
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["wav2vec2", "hubert", "wavlm", "data2vec-audio"])
def test_base_size(tmp_path: Path, kind: str) -> None:
    assert check(tmp_path, kind, {}, {"layer": [4, 9]}, 4, 9) <= 1e-4


def test_without_normalisation(tmp_path: Path) -> None:
    model = write_checkpoint(tmp_path / "checkpoint", "hubert", SMALL, do_normalize=False)
    (window,) = sounds((RATE,))
    with serve(write_models(tmp_path, {"folder": "checkpoint", "background": None})) as server:
        (vector,) = embed(server, [window])
    np.testing.assert_allclose(vector, reference(model, tmp_path / "checkpoint", window, 0, 3), atol=1e-4)


def test_background_statistics(tmp_path: Path) -> None:
    model = write_checkpoint(tmp_path / "checkpoint", "wav2vec2", SMALL)
    mean, deviation = np.linspace(-0.1, 0.1, 48), np.linspace(0.5, 2, 48)
    background = {"mean": mean.tolist(), "deviation": deviation.tolist()}
    (tmp_path / "background.json").write_text(json.dumps(background), "utf-8")
    (window,) = sounds((RATE,))
    with serve(write_models(tmp_path, {"folder": "checkpoint", "layer": 3, "background": "background.json"})) as server:
        (vector,) = embed(server, [window])
    inputs = torch.tensor((window - window.mean()) / np.sqrt(window.var() + 1e-7))[None]
    with torch.no_grad():
        pooled = model(inputs, output_hidden_states=True).hidden_states[3].mean(1)[0].numpy()
    expected = (pooled - mean) / deviation
    np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), atol=1e-4)


def test_made_sounds_spread_the_vectors_unless_plain_cosine_is_asked_for(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "checkpoint", "wav2vec2", SMALL)
    windows = list(made_pairs(20, RATE, RATE, seed=7)[:, 0])
    unrelated = np.triu_indices(len(windows), 1)

    def similarities(entry: dict[str, Any]) -> tuple[NDArray[np.float32], Any]:
        with serve(write_models(tmp_path, {"folder": "checkpoint", **entry})) as server:
            vectors = np.stack(embed(server, windows))
            return (vectors @ vectors.T)[unrelated], web.get(f"{server.url}/models").json()["models"][0]["calibration"]

    plain, uncalibrated = similarities({"background": None})
    spread, calibration = similarities({})
    assert plain.mean() > 0.7
    assert abs(spread.mean()) < 0.1
    assert uncalibrated is None
    assert (spread > calibration["defaultThreshold"]).mean() < 0.05
    chances = [chance for _, chance in calibration["points"]]
    assert chances == sorted(set(chances))
    assert chances[-1] > 0.9


def test_quantised_vectors_point_the_same_way(tmp_path: Path) -> None:
    model = write_checkpoint(tmp_path / "checkpoint", "wav2vec2", SMALL)
    (window,) = sounds((RATE,))
    with serve(write_models(tmp_path, {"folder": "checkpoint", "background": None, "useQuantization": True})) as server:
        (vector,) = embed(server, [window])
    expected = reference(model, tmp_path / "checkpoint", window, 0, 3)
    assert float(vector @ expected) > 0.98
    assert float(np.abs(vector - expected).max()) > 1e-5, "nothing was quantised"


def test_exported_once_and_described_before_loading(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "checkpoint", "wav2vec2", SMALL)
    models = write_models(tmp_path, {"folder": "checkpoint", "window": {"seconds": 1, "hopSeconds": 0.25}})
    with serve(models) as first:
        assert "exporting to ONNX" in first.log
        described = web.get(f"{first.wait_until_ready()}/models").json()["models"][0]
    with serve(models) as second:
        assert "exporting to ONNX" not in second.log
    assert described["dimensions"] == 48
    assert described["minimumSamples"] == 400
    assert described["window"] == {"seconds": 1, "hopSeconds": 0.25}


def test_two_servers_may_export_it_at_once(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "checkpoint", "wav2vec2", SMALL)
    models = write_models(tmp_path, {"folder": "checkpoint", "background": None})
    servers = [ServerProcess(models) for _ in range(2)]
    try:
        for server in servers:
            assert server.wait_for_line("is ready after|cannot be loaded", 300).group() == "is ready after"
    finally:
        for server in servers:
            server.stop()
    assert len(list((tmp_path / "cache" / "earmark" / "checkpoints").iterdir())) == 1


def refusal(models: Path) -> str:
    with ServerProcess(models) as server:
        return server.wait_for_line("cannot be (loaded|used): (.*)", 300).group(2)


class TestWhatIsRefused:
    @pytest.fixture(autouse=True)
    def _readiness_is_not_awaited(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ServerProcess, "wait_until_ready", lambda server: "")

    def test_pickled_weights(self, tmp_path: Path) -> None:
        write_checkpoint(tmp_path / "checkpoint", "wav2vec2", SMALL)
        weights = tmp_path / "checkpoint" / "model.safetensors"
        weights.rename(weights.with_name("pytorch_model.bin"))
        assert "holds no model.safetensors" in refusal(write_models(tmp_path, {"folder": "checkpoint"}))

    def test_another_kind_of_model(self, tmp_path: Path) -> None:
        write_checkpoint(tmp_path / "checkpoint", "wav2vec2", SMALL)
        config = tmp_path / "checkpoint" / "config.json"
        changed = json.loads(config.read_text("utf-8")) | {
            "model_type": "mine",
            "auto_map": {"AutoModel": "mine.Mine"},
        }
        config.write_text(json.dumps(changed), "utf-8")
        (tmp_path / "checkpoint" / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n", "utf-8")
        assert "a model of type 'mine' is not read" in refusal(write_models(tmp_path, {"folder": "checkpoint"}))
        assert not (tmp_path / "ran").exists()

    def test_missing_weights_are_not_made_up(self, tmp_path: Path) -> None:
        from safetensors.torch import load_file, save_file

        write_checkpoint(tmp_path / "checkpoint", "wav2vec2", SMALL)
        weights = tmp_path / "checkpoint" / "model.safetensors"
        tensors = load_file(weights)
        del tensors[next(key for key in tensors if "attention" in key)]
        save_file(tensors, weights, metadata={"format": "pt"})
        assert "lacks weights" in refusal(write_models(tmp_path, {"folder": "checkpoint"}))

    def test_a_layer_that_is_not_there(self, tmp_path: Path) -> None:
        write_checkpoint(tmp_path / "checkpoint", "wav2vec2", SMALL)
        said = refusal(write_models(tmp_path, {"folder": "checkpoint", "layer": 4}))
        assert "layer 4 is not among the hidden states 0 to 3" in said

    def test_the_hub_unless_allowed(self, tmp_path: Path) -> None:
        said = refusal(write_models(tmp_path, {"hub": "someone/model", "revision": "0" * 40}))
        assert "set `allowHub`" in said

    def test_a_hub_model_that_is_not_pinned(self, tmp_path: Path) -> None:
        server = ServerProcess(write_models(tmp_path, {"hub": "someone/model", "revision": "main"}, allowHub=True))
        assert server.wait() == 1
        assert "revision" in server.log
        server.stop()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[str]]]:
    """A stand-in for the hub's two addresses that are asked: the file list and the files of one commit."""
    folder, commit, asked = tmp_path / "hub", "ab" * 20, []
    write_checkpoint(folder, "wav2vec2", SMALL)
    (folder / "pytorch_model.bin").write_bytes(b"never asked for")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def _answer(self, *, with_body: bool) -> None:
            path = self.path.partition("?")[0]
            if path == f"/api/models/someone/model/revision/{commit}":
                siblings = [{"rfilename": file.name, "size": file.stat().st_size} for file in sorted(folder.iterdir())]
                body = json.dumps({"id": "someone/model", "sha": commit, "siblings": siblings}).encode()
            else:
                name = path.removeprefix(f"/someone/model/resolve/{commit}/")
                asked.append(name)
                body = (folder / name).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", f'"{len(body):040x}"')
            self.send_header("X-Repo-Commit", commit)
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    yield lambda: asked
    server.shutdown()
    server.server_close()


def test_the_hub_when_allowed(tmp_path: Path, hub: Callable[[], list[str]]) -> None:
    models = write_models(tmp_path, {"hub": "someone/model", "revision": "ab" * 20}, allowHub=True)
    with serve(models) as server:
        assert "downloading" in server.log
        (vector,) = embed(server, sounds((RATE,)))
        assert vector.size == 48
    assert set(hub()) == {"config.json", "preprocessor_config.json", "model.safetensors"}
