"""The public suite on every kind of server, and on every way to it."""

from __future__ import annotations

from typing import Any

import pytest

from headrace.testing.conformance import BrokerConformance, Rig
from headrace_redis import RedisBroker
from tests.servers import RedisServer, free_port


def rig_of(url: str) -> Rig:
    return Rig(
        connect=lambda: RedisBroker(url),
        lease=1.5,
        patience=0.3,
        examples=5,
        unreachable=lambda: RedisBroker(f"redis://:secret@127.0.0.1:{free_port()}"),
        secret="secret",
    )


class TestServers(BrokerConformance):
    @pytest.fixture
    def anyio_backend(self, server: RedisServer) -> tuple[str, dict[str, Any]]:
        """Run on uvloop, but on asyncio's own event loop where there are sentinels."""
        return "asyncio", {"use_uvloop": "sentinel" not in server.url}

    @pytest.fixture
    def rig(self, server: RedisServer) -> Rig:
        return rig_of(server.url)


class TestUntracked(BrokerConformance):
    """Without the index of ids: the capabilities say what is missing."""

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    @pytest.fixture
    def rig(self, valkey: RedisServer) -> Rig:
        return rig_of(f"{valkey.url}?track=no&prefix=untracked")
