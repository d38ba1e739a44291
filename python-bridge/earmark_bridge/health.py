"""How the server is: probes, health, metrics, and the models with their loading and unloading."""

from __future__ import annotations

import time
from typing import Any, Literal

import psutil
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from . import VERSION
from .bridge import Bridge
from .http_errors import responses
from .process import ModelName
from .request_body import parse_body, read_body

_LARGEST_REQUEST_BYTES = 4096


class Live(BaseModel):
    status: Literal["live"] = "live"


class Readiness(BaseModel):
    ready: bool


class Window(BaseModel):
    seconds: float
    hopSeconds: float


class ModelStatus(BaseModel):
    """All but `name` and `state` is left out while nothing is known of the model."""

    name: str
    state: Literal["available", "loading", "loaded", "failed"]
    error: str | None = None
    revision: str | None = None
    dimensions: int | None = None
    sampleRate: int | None = None
    minimumSamples: int | None = None
    maximumSamples: int | None = None
    window: Window | None = None
    metric: Literal["cosine", "euclidean", "dot"] | None = None
    calibration: dict[str, Any] | None = None


class Models(BaseModel):
    models: list[ModelStatus]


class Queue(BaseModel):
    waiting: int
    capacity: int


class Gpu(BaseModel):
    name: str
    memory_mb: int


class Memory(BaseModel):
    rss_mb: float
    available_mb: float


class Health(BaseModel):
    status: Literal["ready", "starting", "draining", "degraded"]
    version: str
    uptime_s: float
    models: list[ModelStatus]
    queue: Queue
    gpu_available: bool
    gpu: Gpu | None = None
    memory: Memory


class ModelRequest(BaseModel):
    model_config = ConfigDict(strict=True)

    name: ModelName


_MODEL_REQUEST: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": ModelRequest.model_json_schema()}},
    }
}


def _status(bridge: Bridge) -> Literal["ready", "starting", "draining", "degraded"]:
    if bridge.draining:
        return "draining"
    if bridge.pool.abandoned or bridge.models.failed:
        return "degraded"
    return "ready" if bridge.models.ready else "starting"


def router(bridge: Bridge) -> APIRouter:
    routes = APIRouter(tags=["health"])
    process = psutil.Process()

    @routes.get("/livez", summary="Whether the process answers", responses=responses())
    async def livez() -> Live:
        return Live()

    @routes.get(
        "/readyz",
        summary="Whether the default model is loaded and warm",
        response_model=Readiness,
        responses={503: {"model": Readiness, "description": "Not yet, or ending."}, **responses()},
    )
    async def readyz() -> Response:
        return JSONResponse({"ready": bridge.ready}, 200 if bridge.ready else 503)

    @routes.get("/health", response_model=Health, responses=responses())
    async def health() -> Response:
        gpu = bridge.runtime.gpu
        return JSONResponse(
            {
                "status": _status(bridge),
                "version": VERSION,
                "uptime_s": round(time.monotonic() - bridge.started_at, 3),
                "models": bridge.models.statuses(),
                "queue": {"waiting": bridge.pool.waiting, "capacity": bridge.pool.capacity},
                "gpu_available": bridge.runtime.accelerated,
                **({"gpu": {"name": gpu.name, "memory_mb": gpu.memory_mb}} if gpu else {}),
                "memory": {
                    "rss_mb": round(process.memory_info().rss / 1e6, 1),
                    "available_mb": round(psutil.virtual_memory().available / 1e6, 1),
                },
            }
        )

    @routes.get(
        "/metrics",
        summary="Prometheus text",
        response_class=PlainTextResponse,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **responses()},
    )
    async def metrics() -> PlainTextResponse:
        gauges: dict[str, tuple[str, float]] = {
            "queue_waiting": ("Windows that no worker has taken yet.", bridge.pool.waiting),
            "busy_ratio": ("Inference during the last second per worker.", bridge.pool.busy()),
            "workers_abandoned": ("Threads inside a run that was given up.", bridge.pool.abandoned),
            "connections": ("WebSocket connections.", len(bridge.connections)),
            "streams": ("Streams open.", sum(connection.streams for connection in bridge.connections)),
            "requests": ("One-shot requests in work.", bridge.requests),
            "ready": ("1 when the default model is loaded and warm.", int(bridge.ready)),
            "resident_bytes": ("Resident memory.", process.memory_info().rss),
        }
        return PlainTextResponse(bridge.metrics.text(gauges), media_type="text/plain; version=0.0.4")

    @routes.get("/models", response_model=Models, responses=responses())
    async def models() -> Response:
        return JSONResponse({"models": bridge.models.statuses()})

    @routes.post(
        "/models/load",
        summary="Load a model and wait until it is warm",
        response_model=ModelStatus,
        responses=responses(404, 413, 422),
        openapi_extra=_MODEL_REQUEST,
    )
    async def load(request: Request) -> Response:
        name = parse_body(ModelRequest, await read_body(request, _LARGEST_REQUEST_BYTES)).name
        await bridge.models.load(name)
        return JSONResponse(bridge.models.status(name))

    @routes.post(
        "/models/unload",
        summary="Forget a loaded model",
        response_model=ModelStatus,
        responses=responses(404, 413),
        openapi_extra=_MODEL_REQUEST,
    )
    async def unload(request: Request) -> Response:
        name = parse_body(ModelRequest, await read_body(request, _LARGEST_REQUEST_BYTES)).name
        await bridge.models.unload(name)
        return JSONResponse(bridge.models.status(name))

    return routes
