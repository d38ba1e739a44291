"""HTTP requests with the patience that a busy machine needs."""

from __future__ import annotations

from typing import Any

import httpx


def get(url: str, **options: Any) -> httpx.Response:
    return httpx.get(url, timeout=60, **options)


def post(url: str, **options: Any) -> httpx.Response:
    return httpx.post(url, timeout=60, **options)
