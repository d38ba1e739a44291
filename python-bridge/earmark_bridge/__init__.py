"""Earmark's Python server: audio windows in, feature vectors out (docs/protocol.md)."""

VERSION = "0.1.0"
SERVER_NAME = f"earmark-bridge {VERSION}"
