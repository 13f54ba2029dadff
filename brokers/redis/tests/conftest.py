"""Servers for the tests: each is started once for all tests that use it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from headrace_redis import RedisBroker
from headrace_redis.keys import SUFFIXES
from tests import live
from tests.live import anyio_backend, connecting, ledger, make, name, working
from tests.proxy import Proxy
from tests.servers import REDIS_SERVERS, ClusterServer, RedisServer, SentinelServer, free_port

__all__ = ["anyio_backend", "ledger", "make", "name", "working"]

Binary: TypeAlias = Callable[[str], Path]
Start: TypeAlias = Callable[..., RedisServer]
Connect: TypeAlias = live.Connect[RedisBroker]
SETUPS = [*sorted(REDIS_SERVERS), "cluster", "sentinel"]
LASTING = {"cfg", "h"}
"""What remains of a queue for ever: its settings, and how far its housekeeping came."""


@pytest.fixture(scope="session")
def binary() -> Binary:
    """Return the server of a name, or skip the test visibly."""

    def find(name: str) -> Path:
        found = REDIS_SERVERS[name]()
        if found is None:
            pytest.skip(f"there is no {name} here")
        return found

    return find


@pytest.fixture(scope="session", params=SETUPS)
def server(
    request: pytest.FixtureRequest, binary: Binary, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    """Each kind of server, and of way to it: what its `url` says."""
    folder = tmp_path_factory.mktemp("server")
    with ExitStack() as stack:
        if request.param == "cluster":
            found: RedisServer = ClusterServer(binary("valkey-9.1"), folder)
        elif request.param == "sentinel":
            primary = RedisServer(binary("valkey-9.1"), folder / "primary").start()
            stack.callback(primary.stop)
            found = SentinelServer(primary.binary, folder / "sentinel", primary)
        else:
            found = RedisServer(binary(request.param), folder)
        stack.callback(found.stop)
        yield found.start()


@pytest.fixture(scope="session")
def valkey(binary: Binary, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One server for tests of which one server is enough."""
    server = RedisServer(binary("valkey-9.1"), tmp_path_factory.mktemp("valkey")).start()
    yield server
    server.stop()


@pytest.fixture
def start(binary: Binary, tmp_path: Path) -> Iterator[Start]:
    """Start servers of the test's own."""
    with ExitStack() as stack:

        def begin(name: str = "valkey-9.1", **options: str) -> RedisServer:
            folder = tmp_path / str(free_port())
            settings = {key.replace("_", "-"): value for key, value in options.items()}
            server = RedisServer(binary(name), folder, **settings)
            stack.callback(server.stop)
            return server.start()

        yield begin


@pytest.fixture
def own_valkey(start: Start) -> RedisServer:
    """A server of the test's own, to be set up, filled and broken."""
    return start()


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Return opened brokers, and close them behind the test."""
    async with connecting(RedisBroker) as connect:
        yield connect


@pytest.fixture
async def proxy(valkey: RedisServer) -> AsyncIterator[Proxy]:
    """A way to the server on which things happen."""
    async with Proxy(valkey.port) as opened:
        yield opened


@pytest.fixture
def leaks(valkey: RedisServer) -> Iterator[Callable[[], set[str]]]:
    """Tells which keys came since the test began and would never go."""
    with valkey.client() as client:
        before = set(client.scan_iter())

        def left() -> set[str]:
            return {key for key in set(client.scan_iter()) - before if is_leaked(client, key)}

        yield left


@pytest.fixture
def keys(valkey: RedisServer, leaks: Callable[[], set[str]]) -> Iterator[Any]:
    """A client for looking at the keys; fails a test that leaves some that would never go."""
    with valkey.client() as client:
        yield client
    assert leaks() == set(), "keys were leaked"


def is_leaked(client: Any, key: str) -> bool:
    """Tell whether a key stays although no job is left."""
    if key.endswith(":queues"):
        return False
    suffix = key.rpartition("}:")[2]
    known = any(suffix.startswith(own) for own in SUFFIXES.values())
    empty_lane = client.type(key) == "stream" and client.xlen(key) == 0
    lasting = suffix in LASTING or empty_lane
    return not known or not (lasting or client.ttl(key) >= 0)
