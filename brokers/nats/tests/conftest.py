"""Servers for the tests: each is started once for all tests that use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers import NatsCluster, NatsServer, nats_server


@pytest.fixture(scope="session")
def nats_binary() -> Path:
    """Return the server, or skip the test visibly."""
    found = nats_server()
    if found is None:
        pytest.skip("there is no nats-server here")
    return found


@pytest.fixture(scope="session")
def node(nats_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """One server for tests of which one server is enough."""
    server = NatsServer(nats_binary, tmp_path_factory.mktemp("nats")).start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def cluster(nats_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsCluster]:
    """Three servers that keep everything three times."""
    servers = NatsCluster(nats_binary, tmp_path_factory.mktemp("cluster")).start()
    yield servers
    servers.stop()


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Run on the event loop that workers run on."""
    return "asyncio", {"use_uvloop": True}
