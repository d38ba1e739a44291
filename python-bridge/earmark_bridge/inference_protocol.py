"""The Open Inference Protocol (KServe v2) over HTTP, with the binary tensor extension.

Input `pcm` FP32 [batch, samples], output `features` FP32 [batch, dimensions].
"""

from __future__ import annotations

import asyncio
import json
from functools import partial
from math import prod
from typing import Annotated, Any, Final

import numpy as np
from fastapi import APIRouter, Header
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from . import VERSION
from .bridge import Bridge
from .encoder import Encoder, Vector
from .errors import BridgeError
from .manifest import Model
from .pcm import Samples, checked
from .process import LARGEST_AUDIO_BYTES, LARGEST_JSON_BYTES
from .request_body import parse_body, read_body

MOST_ROWS: Final = 256
_LENGTH_HEADER: Final = "Inference-Header-Content-Length"
_PLATFORM: Final = "onnxruntime_onnx"


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True)


class TensorParameters(_Shape):
    binary_data_size: Annotated[int, Field(ge=0)] | None = None
    binary_data: bool | None = None


class InputTensor(_Shape):
    name: str
    shape: Annotated[list[Annotated[int, Field(ge=1, le=2**31)]], Field(min_length=2, max_length=2)]
    datatype: str
    parameters: TensorParameters = TensorParameters()
    data: list[Any] | None = None


class OutputTensor(_Shape):
    name: str
    parameters: TensorParameters = TensorParameters()


class RequestParameters(_Shape):
    binary_data_output: bool = False


class InferenceRequest(_Shape):
    id: Annotated[str, Field(max_length=200)] | None = None
    inputs: Annotated[list[InputTensor], Field(min_length=1, max_length=1)]
    outputs: Annotated[list[OutputTensor], Field(min_length=1, max_length=1)] | None = None
    parameters: RequestParameters = RequestParameters()


class InferenceError(BaseModel):
    error: str


class Live(BaseModel):
    live: bool


class Ready(BaseModel):
    ready: bool


class ServerMetadata(BaseModel):
    name: str
    version: str
    extensions: list[str]


class TensorMetadata(BaseModel):
    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(BaseModel):
    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class OutputData(BaseModel):
    name: str
    shape: list[int]
    datatype: str
    data: list[float] | None = None
    parameters: dict[str, int] | None = None


class InferenceResponse(BaseModel):
    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[OutputData]


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {
        status: {"model": InferenceError, "description": "Why not."} for status in (400, 401, 403, 408, 500, *statuses)
    }


def router(bridge: Bridge) -> APIRouter:
    routes = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])

    @routes.get("/health/live", responses=_errors())
    async def live() -> Live:
        return Live(live=True)

    @routes.get("/health/ready", response_model=Ready, responses={503: {"model": Ready}, **_errors()})
    async def ready() -> Response:
        return JSONResponse({"ready": bridge.ready}, 200 if bridge.ready else 503)

    @routes.get("", responses=_errors())
    async def server() -> ServerMetadata:
        return ServerMetadata(name="earmark-bridge", version=VERSION, extensions=["binary_tensor_data"])

    @routes.get("/models/{name}", responses=_errors(404))
    async def metadata(name: str) -> ModelMetadata:
        model = bridge.models.model(name)
        if model is None:
            raise BridgeError("MODEL_NOT_FOUND", f"{name} is not loaded yet, so nothing is known of it")
        return ModelMetadata(
            name=name,
            versions=[model.revision],
            platform=_PLATFORM,
            inputs=[TensorMetadata(name="pcm", datatype="FP32", shape=[-1, -1])],
            outputs=[TensorMetadata(name="features", datatype="FP32", shape=[-1, model.dimensions])],
        )

    @routes.get("/models/{name}/ready", response_model=Ready, responses={503: {"model": Ready}, **_errors(404)})
    async def model_ready(name: str) -> Response:
        loaded = bridge.models.is_loaded(name) and not bridge.draining
        return JSONResponse({"ready": loaded}, 200 if loaded else 503)

    @routes.post(
        "/models/{name}/infer",
        response_model=None,
        responses={200: {"model": InferenceResponse}, **_errors(404, 413, 422, 429, 503)},
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": InferenceRequest.model_json_schema()}},
            }
        },
    )
    async def infer(
        name: str,
        request: Request,
        header_length: Annotated[int | None, Header(alias=_LENGTH_HEADER, ge=0)] = None,
    ) -> Response:
        with bridge.request():
            most = LARGEST_JSON_BYTES if header_length is None else LARGEST_AUDIO_BYTES
            content = memoryview(await read_body(request, most))
            split = len(content) if header_length is None else header_length
            if split > min(len(content), LARGEST_JSON_BYTES):
                raise BridgeError("BAD_REQUEST", f"{_LENGTH_HEADER} is larger than the body or the limit")
            asked = parse_body(InferenceRequest, content[:split])
            encoder = await bridge.models.load(name)
            pcm = await asyncio.to_thread(_read_tensor, asked.inputs[0], content[split:], encoder.model)
            features = await _embed(bridge, encoder, pcm)
            return _response(asked, encoder.model, features)

    return routes


def _read_tensor(tensor: InputTensor, binary: memoryview, model: Model) -> Samples:
    rows, samples = tensor.shape
    if tensor.name != "pcm" or tensor.datatype != "FP32":
        raise BridgeError("BAD_REQUEST", "the one input is `pcm`, FP32, [batch, samples]")
    if rows > MOST_ROWS or samples > model.maximum_samples:
        raise BridgeError("TOO_LARGE", f"`pcm` has at most {MOST_ROWS} rows of {model.maximum_samples} samples")
    if samples < model.minimum_samples:
        raise BridgeError("TOO_SHORT", f"{model.name} needs {model.minimum_samples} samples, not {samples}")
    size = tensor.parameters.binary_data_size
    if size is None:
        if binary or tensor.data is None:
            raise BridgeError("BAD_REQUEST", "`pcm` has either `data` or the parameter `binary_data_size`")
        values = _numbers(tensor.data)
    else:
        if tensor.data is not None or size != len(binary) or size != 4 * prod(tensor.shape):
            raise BridgeError("BAD_REQUEST", "`binary_data_size`, the shape and the binary part do not fit together")
        values = np.frombuffer(binary, "<f4").astype(np.float32)
    if values.size != prod(tensor.shape):
        raise BridgeError("BAD_REQUEST", f"`data` has {values.size} numbers, its shape asks for {prod(tensor.shape)}")
    return checked(values).reshape(rows, samples)


def _numbers(data: list[Any]) -> Samples:
    """Flat or nested by rows, as the protocol allows both."""
    flat = [value for row in data for value in row] if data and all(isinstance(row, list) for row in data) else data
    if not all(type(value) in (int, float) for value in flat):
        raise BridgeError("BAD_REQUEST", "`data` must hold numbers only")
    try:
        with np.errstate(over="ignore"):
            return np.array(flat, np.float64).astype(np.float32)
    except OverflowError:
        raise BridgeError("BAD_REQUEST", "`data` holds a number beyond all bounds") from None


async def _embed(bridge: Bridge, encoder: Encoder, pcm: Samples) -> NDArray[np.float32]:
    lane = object()
    futures: list[asyncio.Future[Vector]] = [
        bridge.pool.submit(lane, encoder, row.size, partial(np.asarray, row)) for row in pcm
    ]
    try:
        return np.stack([await future for future in futures])
    finally:
        bridge.pool.drop(lane)
        for future in futures:
            future.cancel()


def _response(asked: InferenceRequest, model: Model, features: NDArray[np.float32]) -> Response:
    binary = asked.parameters.binary_data_output
    if asked.outputs:
        if asked.outputs[0].name != "features":
            raise BridgeError("BAD_REQUEST", "the one output is `features`")
        chosen = asked.outputs[0].parameters.binary_data
        binary = binary if chosen is None else chosen
    output: dict[str, Any] = {"name": "features", "shape": list(features.shape), "datatype": "FP32"}
    body: dict[str, Any] = {"model_name": model.name, "model_version": model.revision, "outputs": [output]}
    if asked.id is not None:
        body["id"] = asked.id
    if not binary:
        output["data"] = features.ravel().tolist()
        return JSONResponse(body)
    payload = features.astype("<f4", copy=False).tobytes()
    output["parameters"] = {"binary_data_size": len(payload)}
    head = json.dumps(body).encode()
    return Response(head + payload, headers={_LENGTH_HEADER: str(len(head))}, media_type="application/octet-stream")
