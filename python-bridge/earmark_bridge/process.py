"""POST /process/wav2vec2: one recording in, the vectors of its windows out."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections import deque
from collections.abc import Iterator
from functools import partial
from typing import Annotated, Any, Final, Literal, TypeAlias

import numpy as np
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from .bridge import Bridge
from .encoder import Encoder, Vector, starts
from .errors import BridgeError
from .frames import write_features
from .http_errors import responses
from .manifest import Model
from .pcm import SAMPLE_BYTES, Encoding, Samples, checked, decode
from .request_body import media_type, parse_body, read_body
from .wav import read_wav

LARGEST_AUDIO_BYTES: Final = 64 << 20
# Numbers as text are about ten times as long as samples, and reading them holds up the event loop.
LARGEST_JSON_BYTES: Final = 16 << 20
MOST_WINDOWS: Final = 8192
# Windows of one request that wait for a worker at once.
_IN_FLIGHT: Final = 16

SampleRate: TypeAlias = Annotated[int, Field(ge=1, le=384_000)]
Seconds: TypeAlias = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]
ModelName: TypeAlias = Annotated[str, Field(min_length=1, max_length=200)]


class Options(BaseModel):
    model_config = ConfigDict(strict=True)

    model: ModelName | None = None
    window: Seconds | Literal["whole"] | None = None
    hop: Seconds | None = None


class AudioJson(BaseModel):
    """Audio as numbers within ±1, or as base64 of raw samples."""

    model_config = ConfigDict(strict=True)

    audio: list[Annotated[float, Field(allow_inf_nan=False)]] | str
    sampleRate: SampleRate
    encoding: Encoding = "s16le"
    options: Options = Options()


class ModelReference(BaseModel):
    name: str
    revision: str


class EmbeddedWindow(BaseModel):
    firstSample: int
    sampleCount: int
    startTime: float
    endTime: float
    features: list[float]


class Processed(BaseModel):
    model: ModelReference
    dimensions: int
    sampleRate: int
    windows: list[EmbeddedWindow]


_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}
_JSON_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["audio", "sampleRate"],
    "properties": {
        "audio": {
            "anyOf": [{"type": "array", "items": {"type": "number"}}, {"type": "string", "format": "byte"}],
            "description": "Samples within ±1, or base64 of raw samples in `encoding`.",
        },
        "sampleRate": {"type": "integer", "minimum": 1, "maximum": 384_000},
        "encoding": {"enum": list(SAMPLE_BYTES), "default": "s16le"},
        "options": Options.model_json_schema(),
    },
}


def router(bridge: Bridge) -> APIRouter:
    routes = APIRouter(tags=["audio"])

    @routes.post(
        "/process/wav2vec2",
        summary="Embed one recording",
        response_model=None,
        responses={
            200: {
                "model": Processed,
                "description": "One vector per window.",
                "content": {"application/octet-stream": _BINARY},
            },
            **responses(404, 413, 415, 422, 429, 503),
        },
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {
                    "audio/wav": _BINARY,
                    "application/octet-stream": _BINARY,
                    "application/json": {"schema": _JSON_SCHEMA},
                },
            }
        },
    )
    async def process(
        request: Request,
        model: Annotated[ModelName | None, Query(description="A model's name; the default one if left out.")] = None,
        window: Annotated[
            Seconds | Literal["whole"] | None, Query(description="Seconds, or `whole`; the model's own if left out.")
        ] = None,
        hop: Annotated[Seconds | None, Query(description="Seconds; the model's own if left out.")] = None,
        sampleRate: Annotated[SampleRate | None, Query(description="Of raw samples.")] = None,
        encoding: Annotated[Encoding, Query(description="Of raw samples.")] = "s16le",
    ) -> Response:
        options = Options(model=model, window=window, hop=hop)
        with bridge.request():
            kind = media_type(request)
            if kind in ("audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave"):
                content = await read_body(request, LARGEST_AUDIO_BYTES)
                wav = await asyncio.to_thread(read_wav, content)
                samples, rate = wav.samples, wav.sample_rate
            elif kind == "application/octet-stream":
                if sampleRate is None:
                    raise BridgeError("BAD_REQUEST", "raw samples need the query parameter `sampleRate`")
                content = await read_body(request, LARGEST_AUDIO_BYTES)
                samples, rate = await asyncio.to_thread(_decode_raw, content, encoding), sampleRate
            elif kind == "application/json":
                audio = parse_body(AudioJson, await read_body(request, LARGEST_JSON_BYTES))
                samples, rate = await asyncio.to_thread(_decode_json, audio), audio.sampleRate
                options = options.model_copy(update=audio.options.model_dump(exclude_none=True))
            else:
                raise BridgeError(
                    "BAD_REQUEST",
                    "the body is audio/wav, application/octet-stream or application/json",
                    http_status=415,
                )
            encoder = await bridge.models.load(options.model or bridge.models.default)
            cuts = _cut(samples, rate, encoder.model, options)
            vectors = await _embed(bridge, request, encoder, samples, cuts)
            if "application/octet-stream" in request.headers.get("accept", ""):
                return StreamingResponse(
                    _frames(cuts, vectors),
                    media_type="application/octet-stream",
                    headers={"Earmark-Model": _model_header(encoder.model, cuts)},
                )
            return StreamingResponse(_json(encoder.model, cuts, vectors), media_type="application/json")

    return routes


def _decode_raw(content: bytes, encoding: Encoding) -> Samples:
    if not content or len(content) % SAMPLE_BYTES[encoding]:
        raise BridgeError("BAD_REQUEST", f"{len(content)} bytes are no whole number of {encoding} samples")
    return decode(content, encoding)


def _decode_json(request: AudioJson) -> Samples:
    if isinstance(request.audio, list):
        # Beyond float32 becomes infinite, which `checked` refuses.
        with np.errstate(over="ignore"):
            return checked(np.array(request.audio, np.float32))
    try:
        return _decode_raw(base64.b64decode(request.audio, validate=True), request.encoding)
    except (binascii.Error, ValueError):
        raise BridgeError("BAD_REQUEST", "`audio` is neither a list of numbers nor base64") from None


def _cut(samples: Samples, rate: int, model: Model, options: Options) -> list[tuple[int, int]]:
    """(first sample, count) of each window; raises where the model could not embed them."""
    if rate != model.sample_rate:
        raise BridgeError("SAMPLE_RATE", f"{model.name} takes {model.sample_rate} Hz, not {rate} Hz; resample first")
    if samples.size < model.minimum_samples:
        raise BridgeError("TOO_SHORT", f"{model.name} needs {model.minimum_samples} samples, not {samples.size}")
    if options.window == "whole":
        window = hop = samples.size
    else:
        window = model.window_samples if options.window is None else round(options.window * rate)
        hop = model.hop_samples if options.hop is None else max(1, round(options.hop * rate))
        if window < model.minimum_samples:
            raise BridgeError("TOO_SHORT", f"a window of {model.name} has at least {model.minimum_samples} samples")
    count = min(window, samples.size)
    if count > model.maximum_samples:
        raise BridgeError("TOO_LARGE", f"a window has at most {model.maximum_samples} samples; give a smaller `window`")
    if (samples.size - count) // hop + 2 > MOST_WINDOWS:
        raise BridgeError("TOO_LARGE", f"more than {MOST_WINDOWS} windows; give a larger `hop` or less audio")
    return [(start, count) for start in starts(samples.size, window, hop)]


async def _embed(
    bridge: Bridge, request: Request, encoder: Encoder, samples: Samples, cuts: list[tuple[int, int]]
) -> list[Vector]:
    lane = object()
    waiting: deque[asyncio.Future[Vector]] = deque()
    vectors: list[Vector] = []
    try:
        for start, count in cuts:
            if len(waiting) == _IN_FLIGHT:
                vectors.append(await waiting.popleft())
                if len(vectors) % _IN_FLIGHT == 0 and await request.is_disconnected():
                    raise BridgeError("BAD_REQUEST", "the client went away")
            waiting.append(bridge.pool.submit(lane, encoder, count, partial(_part, samples, start, count)))
        while waiting:
            vectors.append(await waiting.popleft())
        return vectors
    finally:
        bridge.pool.drop(lane)
        for future in waiting:
            future.cancel()


def _part(samples: Samples, start: int, count: int) -> Samples:
    return samples[start : start + count]


def _frames(cuts: list[tuple[int, int]], vectors: list[Vector]) -> Iterator[bytes]:
    for seq, ((start, _), vector) in enumerate(zip(cuts, vectors, strict=True)):
        yield write_features(stream=0, seq=seq, first_sample=start, gap=False, features=vector)


def _model_header(model: Model, cuts: list[tuple[int, int]]) -> str:
    """What the frames cannot say: which model made them and how long each window is."""
    return json.dumps({"name": model.name, "revision": model.revision, "sampleCount": cuts[0][1]})


def _json(model: Model, cuts: list[tuple[int, int]], vectors: list[Vector]) -> Iterator[str]:
    """The response in pieces: a long recording's vectors as one text would hold up the event loop."""
    head = {
        "model": {"name": model.name, "revision": model.revision},
        "dimensions": model.dimensions,
        "sampleRate": model.sample_rate,
    }
    yield json.dumps(head)[:-1] + ', "windows": ['
    for seq, ((start, count), vector) in enumerate(zip(cuts, vectors, strict=True)):
        # Nine digits carry a float32 through text unchanged.
        features = ",".join([f"{value:.9g}" for value in vector.tolist()])
        times = f'"startTime":{start / model.sample_rate!r},"endTime":{(start + count) / model.sample_rate!r}'
        comma = "," if seq else ""
        yield f'{comma}{{"firstSample":{start},"sampleCount":{count},{times},"features":[{features}]}}'
    yield "]}"
