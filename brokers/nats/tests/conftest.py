"""Servers for the tests: each is started once for all tests that use it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from headrace.job import Lease
from headrace_nats import NatsBroker
from tests import live
from tests.live import anyio_backend, connecting
from tests.servers import NatsCluster, NatsServer, free_port, nats_server

__all__ = ["anyio_backend"]

Start: TypeAlias = Callable[..., NatsServer]
Connect: TypeAlias = live.Connect[NatsBroker]


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
def start(nats_binary: Path, tmp_path: Path) -> Iterator[Start]:
    """Start servers of the test's own."""
    with ExitStack() as stack:

        def begin(**options: Any) -> NatsServer:
            server = NatsServer(nats_binary, tmp_path / str(free_port()), **options)
            stack.callback(server.stop)
            return server.start()

        yield begin


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Return opened brokers, and close them behind the test."""
    async with connecting(NatsBroker) as connect:
        yield connect


async def claim_all(broker: NatsBroker, queue: str, number: int) -> list[Lease]:
    """Claim jobs that are there, by as many claims as it takes: a claim may bring fewer."""
    leases: list[Lease] = []
    async with asyncio.timeout(10):
        while len(leases) < number:
            leases += await broker.claim(queue, "w", number - len(leases), 1.0)
    return leases
