"""The FastAPI application: all endpoints over one `Bridge`, behind the gatekeeper."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from . import VERSION, health, http_errors, inference_protocol, process
from .bridge import Bridge
from .connection import SUBPROTOCOL, Connection
from .errors import BridgeError
from .security import Gatekeeper

_UPGRADE = BridgeError(
    "VERSION", f"/v1/stream is a WebSocket with the subprotocol {SUBPROTOCOL}; see docs/protocol.md", http_status=426
)


def create_app(bridge: Bridge) -> FastAPI:
    """Without the gatekeeper, which `guarded` puts in front."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        bridge.start()
        yield
        await bridge.stop()

    # The documentation pages of FastAPI load scripts from elsewhere; /openapi.json says the same.
    app = FastAPI(title="Earmark bridge", version=VERSION, lifespan=lifespan, docs_url=None, redoc_url=None)
    http_errors.install(app, bridge.metrics)
    for part in (health, process, inference_protocol):
        app.include_router(part.router(bridge))

    @app.websocket("/v1/stream")
    async def stream(socket: WebSocket) -> None:
        if SUBPROTOCOL not in socket.scope["subprotocols"]:
            await socket.send_denial_response(
                JSONResponse({"error": _UPGRADE.as_dict()}, 426, {"Upgrade": "websocket", "Connection": "close"})
            )
            return
        await Connection(bridge, socket).run()

    @app.get("/v1/stream", include_in_schema=False)
    async def not_a_websocket(request: Request) -> Response:
        raise _UPGRADE

    return app


def guarded(app: FastAPI, bridge: Bridge) -> ASGIApp:
    settings = bridge.settings
    hosts = settings.allowed_hosts if settings.loopback else (settings.host, *settings.allowed_hosts)
    return Gatekeeper(app, token=settings.token, hosts=hosts, origins=settings.allowed_origins)
