"""Reading a request's body within a limit that is checked before anything is kept."""

from __future__ import annotations

import asyncio
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from .errors import BridgeError

# A client that sends its body drop by drop would keep others from being served.
BODY_SECONDS: Final = 60.0

Body = TypeVar("Body", bound=BaseModel)


async def read_body(request: Request, most: int) -> bytes:
    """The body's bytes; raises TOO_LARGE, by the announced length where there is one."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > most:
        raise BridgeError("TOO_LARGE", f"the body has {announced} bytes, the limit is {most}")
    try:
        return await asyncio.wait_for(_read(request, most), BODY_SECONDS)
    except ClientDisconnect:
        raise BridgeError("BAD_REQUEST", "the client went away before its body was complete") from None
    except asyncio.TimeoutError:
        raise BridgeError("TIMEOUT", f"the body was not complete after {BODY_SECONDS:g} s", http_status=408) from None


async def _read(request: Request, most: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise BridgeError("TOO_LARGE", f"the body is larger than the limit of {most} bytes")
        parts.append(part)
    return b"".join(parts)


def parse_body(shape: type[Body], content: bytes | memoryview) -> Body:
    """The body as that shape of JSON; raises BAD_REQUEST with the first thing that is wrong."""
    try:
        return shape.model_validate_json(bytes(content))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BridgeError("BAD_REQUEST", f"{where}: {first['msg']}" if where else first["msg"]) from None


def media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
