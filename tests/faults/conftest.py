"""Sites for the tests: each kind of server, one for all tests or one of a test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from headrace.broker import Broker
from headrace.plugins import broker_from_url
from tests import live
from tests.faults.site import KINDS, Site, kind_of
from tests.live import anyio_backend, connecting, ledger, make, name, working
from tests.proxy import Proxy
from tests.servers import free_port

__all__ = ["anyio_backend", "ledger", "make", "name", "working"]

Start: TypeAlias = Callable[..., Site]
Connect: TypeAlias = live.Connect[Broker]


@pytest.fixture(scope="session", params=KINDS)
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Each kind of server: one for all tests of which one server is enough."""
    site = kind_of(request.param)(tmp_path_factory.mktemp(request.param))
    site.start()
    yield site
    site.stop()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> type[Site]:
    """Each kind of server, for tests that start one of their own."""
    return kind_of(request.param)


@pytest.fixture
def start(kind: type[Site], tmp_path: Path) -> Iterator[Start]:
    """Start servers of the test's own, to be set up, filled and broken."""
    with ExitStack() as stack:

        def begin(**options: Any) -> Site:
            site = kind(tmp_path / str(free_port()), **options)
            stack.callback(site.stop)
            site.start()
            return site

        yield begin


@pytest.fixture
async def proxy(site: Site) -> AsyncIterator[Proxy]:
    """A way to the server on which things happen."""
    async with site.proxy() as opened:
        yield opened


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Return opened brokers, and close them behind the test."""
    async with connecting(broker_from_url) as connect:
        yield connect
