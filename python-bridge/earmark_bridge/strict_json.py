"""JSON as the standard has it: no NaN, no endless nesting, and whole numbers that are whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from .errors import BridgeError


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def parse_object(text: str | bytes) -> dict[str, Any]:
    """The JSON object in `text`; raises BAD_REQUEST for anything else. The caller has limited the length."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BridgeError("BAD_REQUEST", f"this is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise BridgeError("BAD_REQUEST", "expected a JSON object")
    return value


def whole(message: Mapping[str, Any], field: str, lowest: int, highest: int) -> int:
    value = message.get(field)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        raise BridgeError("BAD_REQUEST", f"`{field}` must be a whole number from {lowest} to {highest}")
    return value


def text(message: Mapping[str, Any], field: str, longest: int = 200) -> str:
    value = message.get(field)
    if not isinstance(value, str) or not 1 <= len(value) <= longest:
        raise BridgeError("BAD_REQUEST", f"`{field}` must be a text of 1 to {longest} characters")
    return value
