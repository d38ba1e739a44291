"""Encoder bundles: a folder with ONNX files and the manifest.json that describes and seals them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .frames import HEADER_BYTES

FORMAT: Final = "earmark-encoder.v1"
# A vector stands for at most this much audio, and a window's frame must fit into one message.
LONGEST_WINDOW_SECONDS: Final = 60
LARGEST_MESSAGE_BYTES: Final = 4 << 20
_LARGEST_MANIFEST_BYTES: Final = 1 << 20

Metric: TypeAlias = Literal["cosine", "euclidean", "dot"]
Positive: TypeAlias = Annotated[int, Field(ge=1)]
FileName: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]


class BundleError(Exception):
    """A bundle that cannot be trusted or read; the message names the file and what to do."""


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False)


class Window(_Strict):
    seconds: Annotated[float, Field(gt=0, le=LONGEST_WINDOW_SECONDS, strict=False)]
    hopSeconds: Annotated[float, Field(gt=0, le=LONGEST_WINDOW_SECONDS, strict=False)]


class Calibration(_Strict):
    defaultThreshold: Annotated[float, Field(strict=False)]
    points: list[tuple[float, float]] = []


class SealedFile(_Strict):
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    bytes: Positive
    precision: str | None = None


class Manifest(_Strict):
    """What manifest.json says; unknown fields are left alone for later versions."""

    format: Literal["earmark-encoder.v1"]
    name: Annotated[str, Field(min_length=1, max_length=200)]
    revision: Annotated[str, Field(min_length=1, max_length=200)]
    dimensions: Annotated[int, Field(ge=1, le=65536)]
    sampleRate: Annotated[int, Field(ge=1000, le=384000)]
    minimumSamples: Positive
    window: Window
    metric: Metric
    calibration: Calibration | None = None
    files: dict[FileName, SealedFile]


@dataclass(frozen=True)
class Model:
    """What clients are told of a model."""

    name: str
    revision: str
    dimensions: int
    sample_rate: int
    minimum_samples: int
    window_seconds: float
    hop_seconds: float
    metric: Metric
    calibration: Calibration | None

    @property
    def maximum_samples(self) -> int:
        return min(LONGEST_WINDOW_SECONDS * self.sample_rate, (LARGEST_MESSAGE_BYTES - HEADER_BYTES) // 4)

    @property
    def window_samples(self) -> int:
        return max(self.minimum_samples, round(self.window_seconds * self.sample_rate))

    @property
    def hop_samples(self) -> int:
        return max(1, round(self.hop_seconds * self.sample_rate))

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "revision": self.revision,
            "dimensions": self.dimensions,
            "sampleRate": self.sample_rate,
            "minimumSamples": self.minimum_samples,
            "maximumSamples": self.maximum_samples,
            "window": {"seconds": self.window_seconds, "hopSeconds": self.hop_seconds},
            "metric": self.metric,
            "calibration": self.calibration.model_dump() if self.calibration else None,
        }


def read_manifest(folder: Path) -> Manifest:
    path = folder / "manifest.json"
    try:
        if path.stat().st_size > _LARGEST_MANIFEST_BYTES:
            raise BundleError(f"{path} is too large to be a manifest")
        return Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BundleError(f"{path} cannot be read ({error.strerror}); is the bundle installed?") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise BundleError(f"{path} is not a manifest of {FORMAT}: {where}: {first['msg']}") from None


def describe(manifest: Manifest, name: str) -> Model:
    """`name` is the one that models.json gives it, by which clients ask for it."""
    return Model(
        name=name,
        revision=manifest.revision,
        dimensions=manifest.dimensions,
        sample_rate=manifest.sampleRate,
        minimum_samples=manifest.minimumSamples,
        window_seconds=manifest.window.seconds,
        hop_seconds=manifest.window.hopSeconds,
        metric=manifest.metric,
        calibration=manifest.calibration,
    )


def read_sealed(folder: Path, manifest: Manifest, file: str) -> bytes:
    """The bytes of one file, once its size and sha256 are those of the manifest."""
    sealed = manifest.files.get(file)
    if sealed is None:
        raise BundleError(f"{folder / 'manifest.json'} lists no {file}")
    path = folder / file
    try:
        if path.stat().st_size != sealed.bytes:
            raise BundleError(f"{path} has {path.stat().st_size} bytes, the manifest says {sealed.bytes}")
        content = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path} cannot be read ({error.strerror})") from None
    if hashlib.sha256(content).hexdigest() != sealed.sha256:
        raise BundleError(f"{path} is not the file that its manifest was made for (sha256 differs); install it again")
    return content
