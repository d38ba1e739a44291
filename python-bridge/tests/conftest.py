from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bundle import write_models
from hypothesis import settings
from server_process import ServerProcess
from wire import Client, greet

# A shared machine stalls now and then; a test fails by what it sees, not by how long it took.
settings.register_profile("earmark", deadline=None, max_examples=100)
settings.load_profile("earmark")


@pytest.fixture(scope="session")
def models_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def server(models_file: Path) -> Iterator[ServerProcess]:
    """One server for all tests that leave it as they found it."""
    # One worker, so that tests know what waits behind what.
    with ServerProcess(models_file, "--workers", "1") as running:
        yield running


@pytest.fixture(scope="session")
def url(server: ServerProcess) -> str:
    return server.url


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    connected = greet(url)
    yield connected
    connected.socket.close()
