"""The control messages that a client sends (docs/protocol.md), read strictly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from .errors import BridgeError
from .pcm import SAMPLE_BYTES, Encoding
from .strict_json import parse_object, text, whole

PROTOCOL_VERSION: Final = 1
LONGEST_MESSAGE_BYTES: Final = 64 * 1024
_U32_MAX: Final = 2**32 - 1
_SAFE_MAX: Final = 2**53 - 1


@dataclass(frozen=True)
class Hello:
    client: str


@dataclass(frozen=True)
class Open:
    stream: int
    model: str
    sample_rate: int
    encoding: Encoding
    first_seq: int
    credit: int


@dataclass(frozen=True)
class Credit:
    stream: int
    bytes: int


@dataclass(frozen=True)
class Finalize:
    stream: int


@dataclass(frozen=True)
class Close:
    stream: int


@dataclass(frozen=True)
class Cancel:
    stream: int


@dataclass(frozen=True)
class Ping:
    id: int


ClientMessage: TypeAlias = Hello | Open | Credit | Finalize | Close | Cancel | Ping


def _stream(fields: dict[str, Any]) -> int:
    return whole(fields, "stream", 0, _U32_MAX)


def _hello(fields: dict[str, Any]) -> Hello:
    versions = fields.get("versions")
    if not isinstance(versions, list) or not versions or not all(type(version) in (int, float) for version in versions):
        raise BridgeError("BAD_REQUEST", "`versions` must be a list of protocol versions, such as [1]")
    client = text(fields, "client")
    if PROTOCOL_VERSION not in versions:
        raise BridgeError("VERSION", f"this server speaks version {PROTOCOL_VERSION}; update the older of the two")
    return Hello(client)


def _encoding(fields: dict[str, Any]) -> Encoding:
    encoding = fields.get("encoding")
    for known in SAMPLE_BYTES:
        if encoding == known:
            return known
    raise BridgeError("BAD_REQUEST", f"`encoding` must be one of {', '.join(SAMPLE_BYTES)}")


def _open(fields: dict[str, Any]) -> Open:
    return Open(
        stream=_stream(fields),
        model=text(fields, "model"),
        sample_rate=whole(fields, "sampleRate", 1, _U32_MAX),
        encoding=_encoding(fields),
        first_seq=whole(fields, "firstSeq", 0, _U32_MAX),
        credit=whole(fields, "credit", 0, _SAFE_MAX),
    )


_READERS: Final[dict[str, Callable[[dict[str, Any]], ClientMessage]]] = {
    "hello": _hello,
    "open": _open,
    "credit": lambda fields: Credit(_stream(fields), whole(fields, "bytes", 1, _SAFE_MAX)),
    "finalize": lambda fields: Finalize(_stream(fields)),
    "close": lambda fields: Close(_stream(fields)),
    "cancel": lambda fields: Cancel(_stream(fields)),
    "ping": lambda fields: Ping(whole(fields, "id", 0, _SAFE_MAX)),
}


def read_message(data: str) -> ClientMessage:
    """Reads one control message; raises BAD_REQUEST, VERSION or TOO_LARGE."""
    # A character is at least one byte, so the cheap check comes first.
    if len(data) > LONGEST_MESSAGE_BYTES or len(data.encode("utf-8", "surrogatepass")) > LONGEST_MESSAGE_BYTES:
        raise BridgeError("TOO_LARGE", f"a control message has at most {LONGEST_MESSAGE_BYTES} bytes")
    fields = parse_object(data)
    kind = fields.get("type")
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        raise BridgeError("BAD_REQUEST", f"unknown message type; a client sends {', '.join(_READERS)}")
    return reader(fields)
