"""The models that models.json names: which there are, which are loaded, and loading and unloading them.

Clients know names only. No client-given path or address is ever opened.
"""

from __future__ import annotations

import asyncio
import codecs
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Protocol, TypeAlias

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError

from .checkpoint import CheckpointSource, FolderEntry, HubEntry
from .encoder import Encoder
from .errors import BridgeError
from .manifest import BundleError, Model, describe, read_manifest, read_sealed
from .runtime import Runtime

_LOG = logging.getLogger("earmark")

# Exporting a checkpoint is heavy, and clients may ask again and again for one that fails.
_RETRY_SECONDS: Final = 10.0

Name: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
State: TypeAlias = Literal["available", "loading", "loaded", "failed"]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class BundleEntry(_Strict):
    """An encoder bundle; `bundle` is its folder, relative to models.json."""

    bundle: str
    useQuantization: bool = False


def _kind(entry: Any) -> str | None:
    """Which field says where the model is, so that a mistake in an entry is told in its own words."""
    return next((kind for kind in ("bundle", "folder", "hub") if isinstance(entry, dict) and kind in entry), None)


Entry: TypeAlias = Annotated[
    Annotated[BundleEntry, Tag("bundle")] | Annotated[FolderEntry, Tag("folder")] | Annotated[HubEntry, Tag("hub")],
    Discriminator(
        _kind,
        custom_error_type="model_entry",
        custom_error_message="a model has one of `bundle`, `folder` and `hub`",
    ),
]


class ModelsFile(_Strict):
    default: Name
    models: dict[Name, Entry]
    # Whether models with `hub` may be downloaded; each names the commit that it is pinned to.
    allowHub: bool = False
    # Loaded models beyond this many megabytes make room for each other, the longest unused first. The default stays.
    memoryBudgetMb: Annotated[int, Field(ge=1)] = 2048


class ModelSource(Protocol):
    """Where a model comes from."""

    def describe(self) -> Model | None:
        """What is known without loading; None while nothing is. Raises BundleError."""

    def read(self) -> tuple[Model, bytes]:
        """The description and the ONNX file, which may take long. Raises BundleError."""

    def stop(self) -> None:
        """Ends a `read` that is under way."""


@dataclass(frozen=True)
class BundleSource:
    name: str
    folder: Path
    quantized: bool

    def describe(self) -> Model:
        return describe(read_manifest(self.folder), self.name)

    def read(self) -> tuple[Model, bytes]:
        manifest = read_manifest(self.folder)
        file = "model.int8.onnx" if self.quantized else "model.onnx"
        return describe(manifest, self.name), read_sealed(self.folder, manifest, file)

    def stop(self) -> None:
        """Nothing to end: reading a file is short."""


@dataclass
class _Slot:
    source: ModelSource
    state: State = "available"
    model: Model | None = None
    encoder: Encoder | None = None
    error: str | None = None
    failed_at: float | None = None
    leases: int = 0
    used_at: float = 0.0
    loading: asyncio.Task[Encoder] | None = None


def read_models_file(path: Path) -> ModelsFile:
    try:
        # Editors on Windows begin a file with the mark.
        models = ModelsFile.model_validate_json(path.read_bytes().removeprefix(codecs.BOM_UTF8))
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise BundleError(f"{path}: {where}: {first['msg']}") from None
    if models.default not in models.models:
        raise BundleError(f"{path}: the default model {models.default!r} is not among its models")
    return models


def sources_of(file: ModelsFile, folder: Path) -> dict[str, ModelSource]:
    """`folder` is that of models.json, which paths in it are relative to."""
    sources: dict[str, ModelSource] = {}
    for name, entry in file.models.items():
        if isinstance(entry, BundleEntry):
            sources[name] = BundleSource(name, folder / entry.bundle, entry.useQuantization)
        else:
            sources[name] = CheckpointSource(name, entry, folder, hub_allowed=file.allowHub)
    return sources


class ModelRegistry:
    """Lives on the event loop; files are read and sessions made in threads, one model at a time."""

    def __init__(self, default: str, sources: dict[str, ModelSource], *, runtime: Runtime, budget_bytes: int) -> None:
        self.default = default
        self._runtime = runtime
        self._budget_bytes = budget_bytes
        self._one_at_a_time = asyncio.Lock()
        self._slots = {name: _Slot(source) for name, source in sources.items()}
        for name, slot in self._slots.items():
            try:
                slot.model = slot.source.describe()
            except BundleError as error:
                slot.state, slot.error = "failed", str(error)
                _LOG.warning("model %s cannot be used: %s", name, error)

    @property
    def ready(self) -> bool:
        return self._slots[self.default].encoder is not None

    @property
    def failed(self) -> bool:
        return any(slot.state == "failed" for slot in self._slots.values())

    def models(self) -> list[Model]:
        """The models of which anything is known, the default one first."""
        return [model for name in self._default_first() if (model := self._slots[name].model)]

    def statuses(self) -> list[dict[str, Any]]:
        """Of all models, the default one first."""
        return [self.status(name) for name in self._default_first()]

    def _default_first(self) -> list[str]:
        return sorted(self._slots, key=lambda name: name != self.default)

    def status(self, name: str) -> dict[str, Any]:
        slot = self._slot(name)
        described = slot.model.as_dict() if slot.model else {"name": name}
        return {**described, "state": slot.state, **({"error": slot.error} if slot.error else {})}

    def model(self, name: str) -> Model | None:
        return self._slot(name).model

    def is_loaded(self, name: str) -> bool:
        return self._slot(name).encoder is not None

    async def load(self, name: str) -> Encoder:
        """The loaded and warmed-up model; raises MODEL_NOT_FOUND or MODEL_FAILED."""
        slot = self._slot(name)
        slot.used_at = time.monotonic()
        if slot.encoder is not None:
            return slot.encoder
        if slot.failed_at is not None and time.monotonic() - slot.failed_at < _RETRY_SECONDS:
            raise BridgeError("MODEL_FAILED", f"{name} cannot be loaded: {slot.error}")
        if slot.loading is None:
            slot.loading = asyncio.create_task(self._load(name, slot))
            # The log has said why; nobody may be left who waits to be told.
            slot.loading.add_done_callback(lambda loading: loading.cancelled() or loading.exception())
        # Whoever waits may be cancelled; the loading goes on for the others.
        return await asyncio.shield(slot.loading)

    async def _load(self, name: str, slot: _Slot) -> Encoder:
        slot.state, slot.error, slot.failed_at = "loading", None, None
        began = time.monotonic()
        try:
            async with self._one_at_a_time:
                _LOG.info("loading model %s …", name)
                encoder, warm = await asyncio.to_thread(self._read, slot.source)
        except Exception as error:
            known = isinstance(error, (BundleError, BridgeError))
            slot.state, slot.error = "failed", str(error) if known else "loading failed; the server's log has why"
            slot.failed_at = time.monotonic()
            _LOG.error("model %s cannot be loaded: %s", name, error, exc_info=not known)
            raise BridgeError("MODEL_FAILED", f"{name} cannot be loaded: {slot.error}") from None
        finally:
            slot.loading = None
        slot.encoder, slot.model, slot.state = encoder, encoder.model, "loaded"
        _LOG.info(
            "model %s is ready after %.1f s: %.1f MB, %s ms per window of %g s",
            name,
            time.monotonic() - began,
            encoder.size_bytes / 1e6,
            warm["milliseconds"],
            encoder.model.window_seconds,
        )
        self._make_room(slot)
        return encoder

    async def lease(self, name: str) -> Encoder:
        """Like `load`, and the model is not unloaded to make room until `release`."""
        slot = self._slot(name)
        slot.leases += 1
        try:
            return await self.load(name)
        except BaseException:
            slot.leases -= 1
            raise

    def release(self, name: str) -> None:
        self._slots[name].leases -= 1

    async def unload(self, name: str) -> None:
        """Forgets the model; a stream that is using it keeps it until it ends."""
        slot = self._slot(name)
        if slot.loading is not None:
            await asyncio.wait({slot.loading})
        self._forget(name, slot)

    def stop(self) -> None:
        for slot in self._slots.values():
            slot.source.stop()

    def _read(self, source: ModelSource) -> tuple[Encoder, dict[str, Any]]:
        encoder = Encoder(*source.read(), self._runtime)
        return encoder, encoder.warm_up()

    def _forget(self, name: str, slot: _Slot) -> None:
        if slot.encoder is not None:
            slot.encoder, slot.state = None, "available"
            _LOG.info("model %s is unloaded", name)

    def _make_room(self, newest: _Slot) -> None:
        """The default model stays: without it the server is not ready, and nobody would come to load it again."""
        loaded = [(name, slot) for name, slot in self._slots.items() if slot.encoder and slot is not newest]
        idle = [(name, slot) for name, slot in loaded if slot.leases == 0 and name != self.default]
        idle.sort(key=lambda pair: pair[1].used_at)
        for name, slot in idle:
            if self._loaded_bytes() <= self._budget_bytes:
                return
            self._forget(name, slot)

    def _loaded_bytes(self) -> int:
        return sum(slot.encoder.size_bytes for slot in self._slots.values() if slot.encoder)

    def _slot(self, name: str) -> _Slot:
        slot = self._slots.get(name)
        if slot is None:
            known = ", ".join(self._slots)
            raise BridgeError("MODEL_NOT_FOUND", f"there is no model {name[:100]!r} here; there are: {known}")
        return slot
