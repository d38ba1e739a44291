"""The closed set of error codes of docs/protocol.md and what each means on a WebSocket and over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

ErrorCode = Literal[
    "BAD_REQUEST",
    "BAD_FRAME",
    "UNAUTHENTICATED",
    "FORBIDDEN_ORIGIN",
    "MODEL_NOT_FOUND",
    "MODEL_FAILED",
    "SAMPLE_RATE",
    "TOO_LARGE",
    "TOO_SHORT",
    "SEQUENCE",
    "CREDIT",
    "TIMEOUT",
    "VERSION",
    "OVERLOADED",
    "DRAINING",
    "INTERNAL",
]


@dataclass(frozen=True)
class _Treatment:
    retryable: bool
    close_code: int
    http_status: int


_TREATMENTS: dict[ErrorCode, _Treatment] = {
    "BAD_REQUEST": _Treatment(False, 4400, 400),
    "BAD_FRAME": _Treatment(False, 4400, 400),
    "UNAUTHENTICATED": _Treatment(False, 4401, 401),
    "FORBIDDEN_ORIGIN": _Treatment(False, 4403, 403),
    "MODEL_NOT_FOUND": _Treatment(False, 4400, 404),
    "MODEL_FAILED": _Treatment(False, 4400, 422),
    "SAMPLE_RATE": _Treatment(False, 4400, 422),
    "TOO_LARGE": _Treatment(False, 1009, 413),
    "TOO_SHORT": _Treatment(False, 4400, 422),
    "SEQUENCE": _Treatment(False, 4409, 400),
    "CREDIT": _Treatment(False, 4413, 413),
    "TIMEOUT": _Treatment(True, 4408, 503),
    "VERSION": _Treatment(False, 4426, 400),
    "OVERLOADED": _Treatment(True, 4429, 429),
    "DRAINING": _Treatment(True, 1012, 503),
    "INTERNAL": _Treatment(True, 4500, 500),
}


class BridgeError(Exception):
    """An error that a client is told. The message says what happened and what to do about it."""

    def __init__(
        self, code: ErrorCode, message: str, *, retry_after_ms: int | None = None, http_status: int | None = None
    ) -> None:
        super().__init__(message)
        self.code: ErrorCode = code
        self.message = message
        self.retry_after_ms = retry_after_ms
        self._http_status = http_status

    @property
    def retryable(self) -> bool:
        return _TREATMENTS[self.code].retryable

    @property
    def close_code(self) -> int:
        return _TREATMENTS[self.code].close_code

    @property
    def http_status(self) -> int:
        return self._http_status or _TREATMENTS[self.code].http_status

    def as_body(self, path: str) -> dict[str, Any]:
        """The JSON of an HTTP answer from that path."""
        if path.startswith("/v2"):
            # The Open Inference Protocol has a text there.
            return {"error": f"{self.code}: {self.message}"}
        return {"error": self.as_dict()}

    def as_dict(self) -> dict[str, Any]:
        described: dict[str, Any] = {"code": self.code, "message": self.message, "retryable": self.retryable}
        if self.retry_after_ms is not None:
            described["retryAfterMs"] = self.retry_after_ms
        return described
