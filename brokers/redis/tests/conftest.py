"""Servers for the tests: each that is there, started once and shared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.servers import REDIS_SERVERS, RedisServer


@pytest.fixture(scope="session")
def binary() -> Callable[[str], Path]:
    """Return the server of a name, or skip the test visibly."""

    def find(name: str) -> Path:
        found = REDIS_SERVERS[name]()
        if found is None:
            pytest.skip(f"there is no {name} here")
        return found

    return find
