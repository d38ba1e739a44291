"""Bundles that cannot be trusted, and the registry's memory budget."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bundle import FILTER, RATE, expected, write_bundle

from earmark_bridge.encoder import Encoder, starts
from earmark_bridge.errors import BridgeError
from earmark_bridge.manifest import BundleError, describe, read_manifest, read_sealed
from earmark_bridge.models import BundleSource, ModelRegistry, ModelSource, read_models_file
from earmark_bridge.runtime import Runtime

RUNTIME = Runtime(("CPUExecutionProvider",), 1, 1)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    write_bundle(tmp_path / "bundle")
    return tmp_path / "bundle"


def change(bundle: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    path = bundle / "manifest.json"
    manifest = json.loads(path.read_text("utf-8"))
    edit(manifest)
    path.write_text(json.dumps(manifest), "utf-8")


def load(bundle: Path) -> Encoder:
    return Encoder(*BundleSource("test", bundle, quantized=False).read(), RUNTIME)


class TestBundle:
    def test_a_changed_file(self, bundle: Path) -> None:
        path = bundle / "model.onnx"
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
        with pytest.raises(BundleError, match="sha256 differs"):
            load(bundle)

    def test_a_shorter_file(self, bundle: Path) -> None:
        path = bundle / "model.onnx"
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(BundleError, match="the manifest says"):
            load(bundle)

    def test_a_missing_file(self, bundle: Path) -> None:
        (bundle / "model.onnx").unlink()
        with pytest.raises(BundleError, match="cannot be read"):
            load(bundle)

    def test_a_file_that_the_manifest_does_not_list(self, bundle: Path) -> None:
        change(bundle, lambda manifest: manifest["files"].pop("model.onnx"))
        with pytest.raises(BundleError, match=r"lists no model\.onnx"):
            load(bundle)

    @pytest.mark.parametrize(
        "edit",
        [
            lambda manifest: manifest.update(format="earmark-encoder.v2"),
            lambda manifest: manifest.update(dimensions=0),
            lambda manifest: manifest.update(dimensions="768"),
            lambda manifest: manifest.update(metric="manhattan"),
            lambda manifest: manifest.pop("revision"),
            lambda manifest: manifest["window"].update(seconds=0),
            lambda manifest: manifest["files"].update({"../../outside": manifest["files"]["model.onnx"]}),
            lambda manifest: manifest["files"]["model.onnx"].update(sha256="0"),
        ],
    )
    def test_a_manifest_that_is_none(self, bundle: Path, edit: Callable[[dict[str, Any]], object]) -> None:
        change(bundle, edit)
        with pytest.raises(BundleError, match="is not a manifest of"):
            load(bundle)

    def test_another_number_of_dimensions_than_the_model_has(self, bundle: Path) -> None:
        change(bundle, lambda manifest: manifest.update(dimensions=9))
        with pytest.raises(BundleError, match="9 dimensions"):
            load(bundle)

    def test_what_is_no_onnx(self, bundle: Path) -> None:
        manifest = read_manifest(bundle)
        with pytest.raises(BundleError, match="cannot load the model"):
            Encoder(describe(manifest, "test"), b"nonsense", RUNTIME)
        with pytest.raises(BundleError, match=r"lists no \.\./manifest"):
            read_sealed(bundle, manifest, "../manifest.json")


class TestEncoder:
    def test_a_batch_says_the_same_as_single_windows(self, bundle: Path) -> None:
        encoder = load(bundle)
        windows = list(np.random.default_rng(0).standard_normal((4, RATE)).astype(np.float32) * 0.1)
        together = encoder.embed_equal(windows)
        for vector, window in zip(together, windows, strict=True):
            np.testing.assert_allclose(vector, encoder.embed(window), atol=1e-6)
            np.testing.assert_allclose(vector, expected(window), atol=1e-5)

    def test_silence_and_the_shortest_window_have_vectors(self, bundle: Path) -> None:
        encoder = load(bundle)
        for samples in (np.zeros(RATE, np.float32), np.zeros(3 * RATE, np.float32), np.ones(FILTER, np.float32)):
            assert np.isfinite(encoder.embed(samples)).all()

    def test_a_fresh_session_says_the_same(self, bundle: Path) -> None:
        encoder = load(bundle)
        window = np.linspace(-0.5, 0.5, RATE, dtype=np.float32)
        before = encoder.embed(window)
        encoder.renew()
        np.testing.assert_array_equal(encoder.embed(window), before)

    @pytest.mark.parametrize(
        ("samples", "found"),
        [(5, [0]), (10, [0]), (11, [0, 1]), (15, [0, 5]), (16, [0, 5, 6]), (20, [0, 5, 10]), (22, [0, 5, 10, 12])],
    )
    def test_starts(self, samples: int, found: list[int]) -> None:
        assert starts(samples, 10, 5) == found


class TestRegistry:
    def registry(self, bundle: Path, *, room_for: float) -> ModelRegistry:
        sources: dict[str, ModelSource] = {name: BundleSource(name, bundle, quantized=False) for name in "abcd"}
        size = (bundle / "model.onnx").stat().st_size
        return ModelRegistry("a", sources, runtime=RUNTIME, budget_bytes=round(room_for * size))

    def test_the_longest_unused_model_makes_room(self, bundle: Path) -> None:
        async def run() -> list[str]:
            models = self.registry(bundle, room_for=2.5)
            for name in "abac":
                await models.load(name)
            return [name for name in "abcd" if models.is_loaded(name)]

        assert asyncio.run(run()) == ["a", "c"]

    def test_a_model_in_use_stays(self, bundle: Path) -> None:
        async def run() -> list[str]:
            models = self.registry(bundle, room_for=1.5)
            await models.lease("a")
            for name in "bcd":
                await models.load(name)
            models.release("a")
            return [name for name in "abcd" if models.is_loaded(name)]

        assert asyncio.run(run()) == ["a", "d"]

    def test_the_default_model_stays_and_the_server_ready(self, bundle: Path) -> None:
        async def run() -> tuple[list[str], bool]:
            models = self.registry(bundle, room_for=1.5)
            for name in "abc":
                await models.load(name)
            return [name for name in "abcd" if models.is_loaded(name)], models.ready

        assert asyncio.run(run()) == (["a", "c"], True)

    def test_many_who_ask_at_once_wait_for_one_loading(self, bundle: Path) -> None:
        async def run() -> tuple[int, bool]:
            models = self.registry(bundle, room_for=9)
            impatient = asyncio.create_task(models.load("a"))
            await asyncio.sleep(0)
            impatient.cancel()
            loaded = await asyncio.gather(*(models.load("a") for _ in range(5)))
            return len({id(encoder) for encoder in loaded}), models.ready

        assert asyncio.run(run()) == (1, True)

    def test_a_failed_model_is_not_tried_at_once_again(self, bundle: Path, caplog: pytest.LogCaptureFixture) -> None:
        async def run() -> None:
            models = self.registry(bundle, room_for=9)
            (bundle / "model.onnx").unlink()
            for _ in range(3):
                with pytest.raises(BridgeError, match="cannot be read"):
                    await models.load("a")

        with caplog.at_level("ERROR"):
            asyncio.run(run())
        assert len(caplog.records) == 1

    @pytest.mark.parametrize(
        "content",
        [
            "{",
            '{"default": "a", "models": {"a": {"bundle": "x", "path": "/etc"}}}',
            '{"default": "a", "models": {"a": {"url": "x"}}}',
            '{"default": "a", "models": {"a": "x"}}',
            '{"default": "a", "models": {"../a": {"bundle": "x"}}}',
            '{"default": "a", "models": {"a": {"hub": "x/y", "revision": "main"}}}',
            '{"default": "a", "models": {"a": {"hub": "../y", "revision": "' + "0" * 40 + '"}}}',
            '{"default": "a", "models": {"a": {"folder": "x", "layer": [1]}}}',
            '{"default": "a", "models": {"a": {"folder": "x", "layer": "last"}}}',
            '{"default": "b", "models": {"a": {"bundle": "x"}}}',
        ],
    )
    def test_a_models_file_with_a_mistake(self, tmp_path: Path, content: str) -> None:
        path = tmp_path / "models.json"
        path.write_text(content, "utf-8")
        with pytest.raises(BundleError, match=r"models\.json"):
            read_models_file(path)

    def test_a_models_file_as_editors_on_windows_write_it(self, tmp_path: Path) -> None:
        path = tmp_path / "models.json"
        path.write_text('{"default": "a", "models": {"a": {"bundle": "x"}}}\r\n', "utf-8-sig")
        assert read_models_file(path).default == "a"
