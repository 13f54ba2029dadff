"""What a page is played on: a server, and the environment of the queue that it is about."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.peers.environment import MissingEnvironmentError, standing
from tests.migrate.peers import peer_of
from tests.servers import REDIS_SERVERS, RedisServer


@contextmanager
def running_server(folder: Path) -> Generator[str]:
    """Run an empty server for as long as a block lasts, or skip the test visibly."""
    binary = REDIS_SERVERS["valkey-9.1"]()
    if binary is None:
        pytest.skip("there is no server here")
    server = RedisServer(binary, folder).start()
    try:
        yield server.url
    finally:
        server.stop()


def commands_of(peer: str) -> Path:
    """Return where the commands of a peer are, or skip the test visibly."""
    try:
        found = standing(peer_of(peer))
    except MissingEnvironmentError as error:
        pytest.skip(str(error))
    if found is None:
        pytest.skip(f"{peer} is not here: uv run python -m tests.migrate.peers")
    return found
