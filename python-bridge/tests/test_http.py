"""One-shot requests, health and models over HTTP, against the real server."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import httpx
import numpy as np
import pytest
import web
from bundle import DIMENSIONS, RATE, expected
from numpy.typing import NDArray
from server_process import ServerProcess
from wire import Client, greet, read_features

PATH = "/process/wav2vec2"
RAW = {"content-type": "application/octet-stream"}


@pytest.fixture(scope="module")
def recording() -> NDArray[np.float32]:
    samples = np.random.default_rng(3).standard_normal(RATE * 2 + 4000) * 0.1
    return (np.round(samples * 32768) / 32768).astype(np.float32)


def as_wav(samples: NDArray[np.float32], rate: int = RATE) -> bytes:
    data = (samples * 32768).astype("<i2").tobytes()
    form = struct.pack("<HHIIHH", 1, 1, rate, 2 * rate, 2, 16)
    sizes = struct.pack("<I", 36 + len(data)), struct.pack("<I", len(data))
    return b"RIFF" + sizes[0] + b"WAVEfmt \x10\0\0\0" + form + b"data" + sizes[1] + data


def failure(response: httpx.Response) -> tuple[int, str]:
    error = response.json()["error"]
    assert isinstance(error["message"], str)
    assert isinstance(error["retryable"], bool)
    return response.status_code, error["code"]


def check(body: dict[str, Any], recording: NDArray[np.float32]) -> None:
    assert body["model"] == {"name": "fixture", "revision": "test-1"}
    assert (body["dimensions"], body["sampleRate"]) == (DIMENSIONS, RATE)
    assert [window["firstSample"] for window in body["windows"]] == [0, 8000, 16000, 20000]
    for window in body["windows"]:
        start = window["firstSample"]
        assert window["sampleCount"] == RATE
        assert (window["startTime"], window["endTime"]) == (start / RATE, start / RATE + 1)
        np.testing.assert_allclose(window["features"], expected(recording[start : start + RATE]), atol=1e-5)


class TestProcess:
    def test_wav(self, url: str, recording: NDArray[np.float32]) -> None:
        answer = web.post(url + PATH, content=as_wav(recording), headers={"content-type": "audio/wav"})
        check(answer.json(), recording)

    @pytest.mark.parametrize("encoding", ["s16le", "f32le"])
    def test_raw_samples(self, url: str, recording: NDArray[np.float32], encoding: str) -> None:
        content = (recording * 32768).astype("<i2").tobytes() if encoding == "s16le" else recording.tobytes()
        answer = web.post(url + PATH, content=content, headers=RAW, params={"sampleRate": RATE, "encoding": encoding})
        check(answer.json(), recording)

    def test_json_numbers_and_base64(self, url: str, recording: NDArray[np.float32]) -> None:
        check(web.post(url + PATH, json={"audio": recording.tolist(), "sampleRate": RATE}).json(), recording)
        text = base64.b64encode(recording.tobytes()).decode()
        body = {"audio": text, "sampleRate": RATE, "encoding": "f32le", "options": {"model": "fixture"}}
        check(web.post(url + PATH, json=body).json(), recording)

    def test_options_of_the_query_hold_for_json_too(self, url: str, recording: NDArray[np.float32]) -> None:
        body = {"audio": recording.tolist(), "sampleRate": RATE, "options": {"window": "whole"}}
        answer = web.post(url + PATH, json=body, params={"model": "other", "window": 1}).json()
        assert (answer["model"]["name"], len(answer["windows"])) == ("other", 1)
        assert failure(web.post(url + PATH, json=body, params={"model": "nobody"})) == (404, "MODEL_NOT_FOUND")

    def test_frames_instead_of_json(self, url: str, recording: NDArray[np.float32]) -> None:
        headers = {"content-type": "audio/wav", "accept": "application/octet-stream"}
        answer = web.post(url + PATH, content=as_wav(recording), headers=headers)
        model = {"name": "fixture", "revision": "test-1", "sampleCount": RATE}
        assert json.loads(answer.headers["earmark-model"]) == model
        content = answer.content
        size = 24 + 4 * DIMENSIONS
        frames = [read_features(content[at : at + size]) for at in range(0, len(content), size)]
        assert [(frame.seq, frame.first_sample) for frame in frames] == [(0, 0), (1, 8000), (2, 16000), (3, 20000)]
        np.testing.assert_allclose(frames[3].vector, expected(recording[20000:]), atol=1e-5)

    def test_window_and_hop(self, url: str, recording: NDArray[np.float32]) -> None:
        def starts(**options: Any) -> list[tuple[int, int]]:
            query = {"sampleRate": RATE, "encoding": "f32le", **options}
            answer = web.post(url + PATH, content=recording.tobytes(), headers=RAW, params=query)
            return [(window["firstSample"], window["sampleCount"]) for window in answer.json()["windows"]]

        assert starts(window=0.5, hop=1) == [(0, 8000), (16000, 8000), (28000, 8000)]
        assert starts(window="whole") == [(0, 36000)]
        assert starts(window=10) == [(0, 36000)]

    def test_json_carries_the_floats_unchanged(self, url: str, recording: NDArray[np.float32]) -> None:
        def get(accept: str) -> httpx.Response:
            return web.post(
                url + PATH, content=as_wav(recording), headers={"content-type": "audio/wav", "accept": accept}
            )

        numbers = get("application/json").json()["windows"][0]["features"]
        vector = read_features(get("application/octet-stream").content[: 24 + 4 * DIMENSIONS]).vector
        assert np.array(numbers, np.float32).tobytes() == vector.tobytes()

    @pytest.mark.parametrize(
        ("status", "code", "content", "headers", "query"),
        [
            (422, "SAMPLE_RATE", b"\0" * 4000, RAW, {"sampleRate": 44100}),
            (422, "TOO_SHORT", b"\0" * 700, RAW, {"sampleRate": RATE}),
            (422, "TOO_SHORT", b"\0" * 4000, RAW, {"sampleRate": RATE, "window": 0.01}),
            (400, "BAD_REQUEST", b"\0" * 4001, RAW, {"sampleRate": RATE}),
            (400, "BAD_REQUEST", b"", RAW, {"sampleRate": RATE}),
            (400, "BAD_REQUEST", b"\0" * 4000, RAW, {}),
            (400, "BAD_REQUEST", b"\0" * 4000, RAW, {"sampleRate": "fast"}),
            (400, "BAD_REQUEST", b"\0" * 4000, RAW, {"sampleRate": RATE, "encoding": "mp3"}),
            (400, "BAD_REQUEST", b"\0" * 4000, RAW, {"sampleRate": RATE, "window": "half"}),
            (400, "BAD_REQUEST", b"\0" * 4000, RAW, {"sampleRate": RATE, "hop": "nan"}),
            (400, "BAD_REQUEST", b"\xff" * 4000, RAW, {"sampleRate": RATE, "encoding": "f32le"}),
            (404, "MODEL_NOT_FOUND", b"\0" * 4000, RAW, {"sampleRate": RATE, "model": "nothing"}),
            (404, "MODEL_NOT_FOUND", b"\0" * 4000, RAW, {"sampleRate": RATE, "model": "/etc/passwd"}),
            (422, "MODEL_FAILED", b"\0" * 4000, RAW, {"sampleRate": RATE, "model": "missing"}),
            (413, "TOO_LARGE", b"\0" * (64 << 20) + b"\0\0", RAW, {"sampleRate": RATE}),
            (413, "TOO_LARGE", b"\0" * (3 << 20), RAW, {"sampleRate": RATE, "hop": 0.0001}),
            (413, "TOO_LARGE", b"\0" * (4 << 20), RAW, {"sampleRate": RATE, "window": "whole"}),
            (415, "BAD_REQUEST", b"x", {"content-type": "audio/mpeg"}, {}),
            (400, "BAD_REQUEST", b"RIFFnonsense", {"content-type": "audio/wav"}, {}),
            (400, "BAD_REQUEST", b"{", {"content-type": "application/json"}, {}),
            (400, "BAD_REQUEST", b'{"audio":[NaN],"sampleRate":16000}', {"content-type": "application/json"}, {}),
            (400, "BAD_REQUEST", b'{"audio":"?","sampleRate":16000}', {"content-type": "application/json"}, {}),
            (400, "BAD_REQUEST", b'{"audio":[true],"sampleRate":16000}', {"content-type": "application/json"}, {}),
            (400, "BAD_REQUEST", b"[" * 100_000, {"content-type": "application/json"}, {}),
        ],
    )
    def test_what_is_refused(
        self, url: str, status: int, code: str, content: bytes, headers: dict[str, str], query: dict[str, Any]
    ) -> None:
        assert failure(web.post(url + PATH, content=content, headers=headers, params=query)) == (status, code)

    def test_a_body_without_a_length_is_limited_too(self, url: str) -> None:
        def endless() -> Any:
            for _ in range(70):
                yield b"\0" * (1 << 20)

        answer = web.post(url + PATH, content=endless(), headers=RAW, params={"sampleRate": RATE})
        assert failure(answer) == (413, "TOO_LARGE")


class TestHealth:
    def test_health(self, url: str, server: ServerProcess) -> None:
        health = web.get(f"{url}/health").json()
        # One of the fixture's models has no bundle.
        assert health["status"] == "degraded"
        assert health["queue"] == {"waiting": 0, "capacity": 2048}
        assert isinstance(health["gpu_available"], bool)
        assert abs(health["memory"]["rss_mb"] - server.rss_bytes() / 1e6) < 50
        states = {model["name"]: model["state"] for model in health["models"]}
        assert states["fixture"] == "loaded"
        assert states["missing"] == "failed"

    def test_probes(self, url: str) -> None:
        assert web.get(f"{url}/livez").json() == {"status": "live"}
        assert web.get(f"{url}/readyz").json() == {"ready": True}

    def test_metrics_count_what_happens(self, url: str, client: Client) -> None:
        def value(name: str) -> float:
            lines = web.get(f"{url}/metrics").text.splitlines()
            return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))

        before = value('earmark_windows_total{model="fixture",outcome="ok"}'), value("earmark_errors_total")
        client.open()
        client.send_window(1, 0, np.zeros(1600, np.float32))
        client.features()
        assert web.get(f"{url}/nothing").status_code == 404
        after = value('earmark_windows_total{model="fixture",outcome="ok"}'), value("earmark_errors_total")
        assert after == (before[0] + 1, before[1] + 1)
        assert value("earmark_streams ") == 1
        assert value("earmark_ready ") == 1

    def test_load_and_unload(self, url: str) -> None:
        loaded = web.post(f"{url}/models/load", json={"name": "other"})
        assert (loaded.status_code, loaded.json()["state"]) == (200, "loaded")
        assert {"name": "other", "state": "loaded"}.items() <= web.get(f"{url}/models").json()["models"][1].items()
        unloaded = web.post(f"{url}/models/unload", json={"name": "other"})
        assert (unloaded.status_code, unloaded.json()["state"]) == (200, "available")
        assert failure(web.post(f"{url}/models/load", json={"name": "nothing"})) == (404, "MODEL_NOT_FOUND")
        assert failure(web.post(f"{url}/models/load", json={"name": "missing"})) == (422, "MODEL_FAILED")
        assert failure(web.post(f"{url}/models/load", json={"path": "/etc"})) == (400, "BAD_REQUEST")
        assert failure(web.post(f"{url}/models/load", content=b"x" * 5000)) == (413, "TOO_LARGE")

    def test_an_open_stream_keeps_an_unloaded_model(self, url: str) -> None:
        client = greet(url)
        client.open(model="other")
        web.post(f"{url}/models/unload", json={"name": "other"})
        client.send_window(1, 0, np.full(800, 0.1, np.float32))
        client.features()
        client.socket.close()


class TestOpenInferenceProtocol:
    def test_metadata(self, url: str) -> None:
        assert web.get(f"{url}/v2").json()["extensions"] == ["binary_tensor_data"]
        assert web.get(f"{url}/v2/health/live").json() == {"live": True}
        assert web.get(f"{url}/v2/health/ready").json() == {"ready": True}
        assert web.get(f"{url}/v2/models/fixture/ready").json() == {"ready": True}
        assert web.get(f"{url}/v2/models/fixture").json()["outputs"] == [
            {"name": "features", "datatype": "FP32", "shape": [-1, DIMENSIONS]}
        ]

    @pytest.mark.parametrize("nested", [False, True])
    def test_tensors_as_json(self, url: str, recording: NDArray[np.float32], nested: bool) -> None:
        rows = recording[:3200].reshape(2, 1600)
        tensor = {"name": "pcm", "shape": [2, 1600], "datatype": "FP32"}
        data = rows.tolist() if nested else rows.ravel().tolist()
        answer = web.post(
            f"{url}/v2/models/fixture/infer", json={"id": "a", "inputs": [{**tensor, "data": data}]}
        ).json()
        assert (answer["model_name"], answer["model_version"], answer["id"]) == ("fixture", "test-1", "a")
        output = answer["outputs"][0]
        assert (output["name"], output["datatype"], output["shape"]) == ("features", "FP32", [2, DIMENSIONS])
        features = np.array(output["data"]).reshape(2, DIMENSIONS)
        np.testing.assert_allclose(features, [expected(row) for row in rows], atol=1e-5)

    def test_binary_tensors(self, url: str, recording: NDArray[np.float32]) -> None:
        rows = recording[:3200].reshape(2, 1600)
        size = {"binary_data_size": rows.nbytes}
        body = {
            "inputs": [{"name": "pcm", "shape": [2, 1600], "datatype": "FP32", "parameters": size}],
            "outputs": [{"name": "features", "parameters": {"binary_data": True}}],
        }
        head = httpx.Request("POST", url, json=body).content
        headers = {"Inference-Header-Content-Length": str(len(head))}
        answer = web.post(f"{url}/v2/models/fixture/infer", content=head + rows.tobytes(), headers=headers)
        split = int(answer.headers["Inference-Header-Content-Length"])
        features = np.frombuffer(answer.content[split:], "<f4").reshape(2, DIMENSIONS)
        np.testing.assert_allclose(features, [expected(row) for row in rows], atol=1e-5)

    @pytest.mark.parametrize(
        ("status", "change"),
        [
            (400, {"name": "audio"}),
            (400, {"datatype": "FP64"}),
            (400, {"shape": [1600]}),
            (400, {"shape": [1, 1600, 1]}),
            (400, {"shape": [2, 1600]}),
            (400, {"shape": [-1, 1600]}),
            (400, {"data": ["loud"] * 1600}),
            (400, {"data": None}),
            (400, {"parameters": {"binary_data_size": 4}}),
            (413, {"shape": [257, 1600]}),
            (413, {"shape": [1, 2**30]}),
            (422, {"shape": [1, 399]}),
        ],
    )
    def test_what_is_refused(self, url: str, status: int, change: dict[str, Any]) -> None:
        tensor = {"name": "pcm", "shape": [1, 1600], "datatype": "FP32", "data": [0.0] * 1600} | change
        answer = web.post(f"{url}/v2/models/fixture/infer", json={"inputs": [tensor]})
        assert answer.status_code == status
        assert isinstance(answer.json()["error"], str)
