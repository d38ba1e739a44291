"""The real server as a child process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType

import psutil
import web

SERVER = Path(__file__).resolve().parent.parent / "server.py"


class ServerProcess:
    """`python server.py` on a free port; the log is kept."""

    def __init__(self, models: Path, *arguments: str, host: str = "127.0.0.1", token: str | None = None) -> None:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("EARMARK_")}
        # The tests' clients do not ping by themselves, and a busy machine may stop them for long.
        environment |= {"HOST": host, "PORT": "0", "EARMARK_MODELS": str(models), "EARMARK_HEARTBEAT": "60"}
        if token:
            environment["EARMARK_TOKEN"] = token
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self.process = subprocess.Popen(
            [sys.executable, str(SERVER), *arguments],
            env=environment,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            with self._changed:
                self.lines.append(line.rstrip())
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    @property
    def log(self) -> str:
        return "\n".join(self.lines)

    def wait_for_line(self, pattern: str, seconds: float = 60) -> re.Match[str]:
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                for line in self.lines:
                    found = re.search(pattern, line)
                    if found:
                        return found
                left = deadline - time.monotonic()
                assert left > 0, f"no line {pattern!r} in\n{self.log}"
                assert self.process.poll() is None, f"the server ended:\n{self.log}"
                self._changed.wait(min(left, 0.2))

    def wait_until_ready(self) -> str:
        port = self.wait_for_line(r"listening on https?://\S+:(\d+)").group(1)
        self.url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while web.get(f"{self.url}/readyz").status_code != 200:
            assert time.monotonic() < deadline, f"the server did not become ready:\n{self.log}"
            time.sleep(0.02)
        return self.url

    def rss_bytes(self) -> int:
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float = 60) -> int:
        code = self.process.wait(seconds)
        self._reader.join(5)
        return code

    def __enter__(self) -> ServerProcess:
        try:
            self.wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.wait()
        for pipe in (self.process.stdin, self.process.stderr):
            if pipe:
                pipe.close()
