"""Errors over HTTP, in one shape: `{error: {code, message, retryable}}`."""

from __future__ import annotations

import math
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from .errors import BridgeError, ErrorCode
from .metrics import Metrics


class ErrorDetail(BaseModel):
    code: str
    message: str
    retryable: bool
    retryAfterMs: int | None = None


class ErrorBody(BaseModel):
    error: ErrorDetail


_WHEN: Final = {
    400: "The request cannot be understood.",
    401: "The token is missing or wrong.",
    403: "The Host or the Origin is not allowed.",
    404: "There is no such model or page.",
    408: "The body was not complete in time.",
    405: "Another method is meant.",
    413: "The request or the audio is too large.",
    415: "The content type is none that is read.",
    422: "The model cannot embed this audio.",
    429: "Too much at once; Retry-After says when.",
    500: "A fault of the server.",
    503: "Not ready, or ending.",
}


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of an endpoint's errors."""
    always = (400, 401, 403, 408, 500)
    return {status: {"model": ErrorBody, "description": _WHEN[status]} for status in sorted({*always, *statuses})}


def error_response(request: Request, error: BridgeError) -> Response:
    headers = {}
    if error.retry_after_ms is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after_ms / 1000))
    return JSONResponse(error.as_body(request.url.path), error.http_status, headers)


def install(app: FastAPI, metrics: Metrics) -> None:
    """Gives FastAPI's own errors the project's shape."""

    def answer(request: Request, error: BridgeError) -> Response:
        metrics.errors[error.code] += 1
        return error_response(request, error)

    @app.exception_handler(BridgeError)
    async def bridge_error(request: Request, error: BridgeError) -> Response:
        return answer(request, error)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return answer(request, BridgeError("BAD_REQUEST", f"{where}: {first['msg']}"))

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        code: ErrorCode = "TOO_LARGE" if error.status_code == 413 else "BAD_REQUEST"
        response = answer(request, BridgeError(code, str(error.detail), http_status=error.status_code))
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(Exception)
    async def fault(request: Request, error: Exception) -> Response:
        return answer(request, BridgeError("INTERNAL", "a fault of the server; its log has the details"))
