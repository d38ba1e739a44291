"""Hugging Face checkpoints as models: exported once into a bundle in the cache, then used like any bundle.

The export runs in a process of its own (checkpoint_export.py), since torch would compete with onnxruntime for
threads and memory, and it is an optional requirement.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from .manifest import BundleError, Model, Window, describe, read_manifest, read_sealed

_LOG = logging.getLogger("earmark")

# A new number lets every checkpoint be exported again.
_EXPORT_VERSION: Final = 2
_WEIGHTS: Final = ("model.safetensors", "model.safetensors.index.json")

#: The background that every checkpoint has unless it names another.
MADE: Final = "made"

Layer: TypeAlias = Annotated[int, Field(ge=0, le=200)]


class _CheckpointEntry(BaseModel):
    """How a checkpoint becomes a model.

    `layer`: one hidden state (0 is what enters the first transformer layer), the mean of a range `[first, last]`,
    or the mean of all. `background`: what vectors are standardised by, since those of all sounds lie close together:
    `"made"` sounds, a JSON file `{mean, deviation}` of vectors of background sound, or null for plain cosine.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    layer: Layer | Literal["mean"] | Annotated[list[Layer], Field(min_length=2, max_length=2)] = "mean"
    window: Window = Window(seconds=2.0, hopSeconds=0.5)
    background: str | None = MADE
    useQuantization: bool = False


class FolderEntry(_CheckpointEntry):
    """A checkpoint in a local folder, relative to models.json: config.json and safetensors."""

    folder: str


class HubEntry(_CheckpointEntry):
    """A checkpoint of the Hugging Face hub at one commit; `allowHub` in models.json must be true."""

    hub: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}$")]
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]


def cache_folder() -> Path:
    base = os.environ.get("EARMARK_CACHE") or os.environ.get("XDG_CACHE_HOME")
    # The export runs in another folder.
    return (Path(base).resolve() if base else Path.home() / ".cache") / "earmark" / "checkpoints"


class CheckpointSource:
    def __init__(self, name: str, entry: FolderEntry | HubEntry, folder: Path, *, hub_allowed: bool) -> None:
        self._name = name
        self._entry = entry
        self._hub_allowed = hub_allowed
        self._folder = folder / entry.folder if isinstance(entry, FolderEntry) else None
        self._background = folder / entry.background if entry.background not in (None, MADE) else None
        self._file = "model.int8.onnx" if entry.useQuantization else "model.onnx"
        self._child: subprocess.Popen[str] | None = None

    def describe(self) -> Model | None:
        """None until it was exported."""
        bundle = self._bundle()
        return describe(read_manifest(bundle), self._name) if bundle.is_dir() else None

    def read(self) -> tuple[Model, bytes]:
        bundle = self._bundle()
        if not bundle.is_dir():
            self._export(bundle)
        manifest = read_manifest(bundle)
        return describe(manifest, self._name), read_sealed(bundle, manifest, self._file)

    def stop(self) -> None:
        if self._child:
            self._child.kill()

    def _bundle(self) -> Path:
        """The cache's folder for exactly this entry and these files."""
        files = [self._background] if self._background else []
        try:
            files += sorted(file for file in self._folder.iterdir() if file.is_file()) if self._folder else []
            stats = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
        except OSError as error:
            raise BundleError(f"{error.filename} cannot be read: {error.strerror}") from None
        identity = json.dumps([_EXPORT_VERSION, self._entry.model_dump(), str(self._folder), stats])
        return cache_folder() / hashlib.sha256(identity.encode()).hexdigest()[:32]

    def _export(self, bundle: Path) -> None:
        entry = self._entry
        if isinstance(entry, HubEntry):
            if not self._hub_allowed:
                raise BundleError(f"{self._name} comes from the hub; set `allowHub` to true in models.json to allow it")
        elif self._folder is None or not any((self._folder / name).is_file() for name in _WEIGHTS):
            raise BundleError(f"{self._folder} holds no {_WEIGHTS[0]}; other weight formats are not read")
        bundle.parent.mkdir(parents=True, exist_ok=True)
        task = {
            "folder": str(self._folder) if self._folder else None,
            "hub": [entry.hub, entry.revision] if isinstance(entry, HubEntry) else None,
            "name": self._name,
            "layer": entry.layer,
            "window": entry.window.model_dump(),
            "background": str(self._background) if self._background else entry.background,
            "quantize": entry.useQuantization,
            "bundle": str(bundle),
        }
        environment = {**os.environ, "HF_HUB_DISABLE_TELEMETRY": "1", "PYTHONUNBUFFERED": "1"}
        self._child = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "earmark_bridge.checkpoint_export", json.dumps(task)],
            cwd=Path(__file__).resolve().parent.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        last = "it said nothing"
        with self._child as child:
            assert child.stdout  # noqa: S101 - it is piped
            for line in child.stdout:
                last = line.strip()
                _LOG.info("model %s: %s", self._name, last)
        self._child = None
        if child.returncode != 0:
            raise BundleError(f"the checkpoint could not be exported: {last}")
