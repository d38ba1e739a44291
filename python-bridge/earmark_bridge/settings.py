"""What can be set from outside: each value by a flag or by an environment variable, the flag first."""

from __future__ import annotations

import argparse
import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .security import is_loopback

_HERE = Path(__file__).resolve().parent.parent


class SettingsError(Exception):
    """The server cannot start like this; the message says what to change."""


@dataclass(frozen=True)
class Settings:
    host: str
    port: int
    models: Path
    token: str | None
    allowed_hosts: tuple[str, ...]
    allowed_origins: tuple[str, ...]
    tls_certificate: Path | None
    tls_key: Path | None
    # 0: as many as the machine suggests.
    workers: int
    threads: int
    heartbeat_seconds: float
    hang_seconds: float
    drain_seconds: float
    exit_with_stdin: bool

    @property
    def loopback(self) -> bool:
        return is_loopback(self.host)


def _list(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _between(lowest: float, highest: float, number: type = float):  # type: ignore[no-untyped-def]
    def parse(value: str) -> float:
        try:
            parsed: float = number(value)
        except ValueError:
            parsed = float("nan")
        if not lowest <= parsed <= highest:
            raise argparse.ArgumentTypeError(f"{value!r} is not a number from {lowest} to {highest}")
        return parsed

    return parse


def read_settings(arguments: Sequence[str] | None = None) -> Settings:
    """Raises SettingsError; a malformed flag ends the process with argparse's message."""
    parser = argparse.ArgumentParser(prog="server.py", description="Earmark's bridge: audio in, feature vectors out.")

    def setting(flag: str, variable: str, default: object, about: str, kind: object = str) -> None:
        # argparse converts defaults that are text, so a variable is checked like a flag.
        given = os.environ.get(variable)
        default = given if given not in (None, "") else default
        parser.add_argument(flag, default=default, type=kind, help=f"{about} ({variable})")  # type: ignore[arg-type]

    setting("--host", "HOST", "localhost", "address to listen on; anything but loopback needs a token")
    setting("--port", "PORT", "8000", "port to listen on, 0 for any free one", _between(0, 65535, int))
    setting("--models", "EARMARK_MODELS", _HERE / "models.json", "the models by name", Path)
    setting("--token-file", "EARMARK_TOKEN_FILE", None, "file with the bearer token; or EARMARK_TOKEN holds it", Path)
    setting("--allow-host", "EARMARK_ALLOW_HOST", "", "more names for `Host`, with commas", _list)
    setting("--allow-origin", "EARMARK_ALLOW_ORIGIN", "", "more values for `Origin`, with commas", _list)
    setting("--tls-certificate", "EARMARK_TLS_CERTIFICATE", None, "certificate chain, PEM", Path)
    setting("--tls-key", "EARMARK_TLS_KEY", None, "its private key, PEM", Path)
    setting("--workers", "EARMARK_WORKERS", "0", "runs at the same time, 0 for what fits", _between(0, 64, int))
    setting("--threads", "EARMARK_THREADS", "0", "threads inside one run, 0 for what fits", _between(0, 256, int))
    setting("--heartbeat", "EARMARK_HEARTBEAT", "5", "seconds between a client's pings", _between(0.05, 300))
    setting("--hang", "EARMARK_HANG", "30", "seconds, beyond twice its audio, that a run may take", _between(0.1, 3600))
    setting("--drain", "EARMARK_DRAIN", "10", "seconds that SIGTERM leaves to answer what is open", _between(0, 600))
    parser.add_argument("--exit-with-stdin", action="store_true", help="end when standard input is closed")
    given = parser.parse_args(arguments)

    settings = Settings(
        host=given.host,
        port=given.port,
        models=given.models,
        token=_token(given.token_file),
        allowed_hosts=given.allow_host,
        allowed_origins=given.allow_origin,
        tls_certificate=given.tls_certificate,
        tls_key=given.tls_key,
        workers=given.workers,
        threads=given.threads,
        heartbeat_seconds=given.heartbeat,
        hang_seconds=given.hang,
        drain_seconds=given.drain,
        exit_with_stdin=given.exit_with_stdin,
    )
    if (settings.tls_certificate is None) != (settings.tls_key is None):
        raise SettingsError("TLS needs both --tls-certificate and --tls-key")
    if settings.tls_certificate and settings.tls_key:
        _check_tls(settings.tls_certificate, settings.tls_key)
    if not settings.loopback and settings.token is None:
        raise SettingsError(
            f"{settings.host} can be reached from other machines, so the server wants a token: "
            "set EARMARK_TOKEN (`openssl rand -hex 32` makes one), or listen on localhost"
        )
    return settings


def _check_tls(certificate: Path, key: Path) -> None:
    """uvicorn loads them once everything else is up, and then ends with a traceback."""
    try:
        # Asked for a passphrase, OpenSSL would wait at the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=lambda: "none")
    except OSError as error:
        raise SettingsError(
            f"TLS with the certificate {certificate} and the key {key} is not possible: {error.strerror}; "
            "both must be PEM files that belong together, the key without a passphrase"
        ) from None


def _token(file: Path | None) -> str | None:
    if file is None:
        token = os.environ.get("EARMARK_TOKEN", "").strip()
    else:
        try:
            # Editors on Windows begin a file with a byte order mark.
            token = file.read_text("utf-8-sig").strip()
        except (OSError, UnicodeDecodeError):
            raise SettingsError(f"the token file {file} cannot be read") from None
        if not token:
            raise SettingsError(f"the token file {file} is empty")
    if token and not (token.isascii() and token.isprintable() and " " not in token):
        raise SettingsError("the token must be printable ASCII without spaces, or no client could send it")
    return token or None
