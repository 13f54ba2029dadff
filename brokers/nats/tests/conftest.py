"""Servers for the tests: each is started once for all tests that use it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from headrace.ids import new_id
from headrace.job import NewJob
from headrace_nats import NatsBroker
from tests.servers import NatsCluster, NatsServer, free_port, nats_server

Start: TypeAlias = Callable[..., NatsServer]
Connect: TypeAlias = Callable[[str], Awaitable[NatsBroker]]


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
    brokers: list[NatsBroker] = []

    async def opened(url: str) -> NatsBroker:
        brokers.append(NatsBroker(url))
        await brokers[-1].open()
        return brokers[-1]

    yield opened
    for broker in brokers:
        await broker.close()


def job(job_id: str | None = None, **fields: Any) -> NewJob:
    """Return a job to be enqueued."""
    values: dict[str, Any] = {
        "id": new_id() if job_id is None else job_id,
        "body": b"body",
        **fields,
    }
    return NewJob(**values)
