"""Who may talk to the server: Host, Origin and token, checked before anything else sees a request.

A browser page can reach a loopback port. Its `Origin` gives it away, and a rebound DNS name shows in `Host`.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from .errors import BridgeError

# What a supervisor asks before it has a token; they tell nothing but yes or no.
_WITHOUT_TOKEN: Final = frozenset({"/livez", "/readyz", "/v2/health/live", "/v2/health/ready"})


def is_loopback(host: str) -> bool:
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _host_name(authority: str) -> str | None:
    """The host of a `host:port`, or None where it is not one."""
    try:
        parts = urlsplit(f"//{authority}")
        _ = parts.port
    except ValueError:
        return None
    if parts.username is not None or parts.path or parts.query or parts.fragment:
        return None
    return parts.hostname


class Gatekeeper:
    """ASGI middleware. `hosts` are allowed besides loopback names; `origins` besides pages from loopback names."""

    def __init__(self, app: ASGIApp, *, token: str | None, hosts: Iterable[str], origins: Iterable[str]) -> None:
        self._app = app
        self._token = token.encode() if token else None
        self._hosts = frozenset(host.lower() for host in hosts)
        self._origins = frozenset(origin.lower().rstrip("/") for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        try:
            self._check(scope)
        except BridgeError as error:
            await _refuse(scope, send, error)
            return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        headers = _Headers(scope)
        host = headers.only("host")
        name = _host_name(host) if host else None
        if name is None or not (is_loopback(name) or name in self._hosts):
            raise BridgeError(
                "FORBIDDEN_ORIGIN",
                "this Host is not allowed; start the server with --allow-host NAME or EARMARK_ALLOW_HOST=NAME",
            )
        if headers.has("origin") and not self._origin_allowed(headers.only("origin") or ""):
            raise BridgeError("FORBIDDEN_ORIGIN", "pages of this Origin are not allowed; see --allow-origin")
        if self._token is not None and scope["path"] not in _WITHOUT_TOKEN:
            scheme, _, token = (headers.only("authorization") or "").partition(" ")
            given = token.strip().encode("latin-1", "replace")
            if scheme.lower() != "bearer" or not hmac.compare_digest(given, self._token):
                raise BridgeError("UNAUTHENTICATED", "this server wants `Authorization: Bearer TOKEN` with its token")

    def _origin_allowed(self, origin: str) -> bool:
        if origin.lower() in self._origins:
            return True
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        return parts.scheme in ("http", "https") and is_loopback(_host_name(parts.netloc) or "")


class _Headers:
    def __init__(self, scope: Scope) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            self._values.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))

    def has(self, name: str) -> bool:
        return name in self._values

    def only(self, name: str) -> str | None:
        """The header's value; None when it is missing or given more than once, which no honest client does."""
        values = self._values.get(name, [])
        return values[0] if len(values) == 1 else None


async def _refuse(scope: Scope, send: Send, error: BridgeError) -> None:
    body = json.dumps(error.as_body(scope["path"])).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if error.code == "UNAUTHENTICATED":
        headers.append((b"www-authenticate", b"Bearer"))
    prefix = "websocket.http" if scope["type"] == "websocket" else "http"
    await send({"type": f"{prefix}.response.start", "status": error.http_status, "headers": headers})
    await send({"type": f"{prefix}.response.body", "body": body})
