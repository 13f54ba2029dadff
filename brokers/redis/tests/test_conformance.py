"""The public suite on every kind of server, and on every way to it."""

from __future__ import annotations

from typing import Any

import pytest

from headrace.testing.conformance import BrokerConformance, Rig
from headrace_redis import RedisBroker
from tests.servers import RedisServer, free_port

PASSWORD = "open:sesame@/?#"


def rig_of(url: str) -> Rig:
    return Rig(
        connect=lambda: RedisBroker(url),
        lease=1.0,
        patience=0.3,
        examples=3,
        unreachable=lambda: RedisBroker(f"redis://:secret@127.0.0.1:{free_port()}"),
        secret="secret",
    )


class TestServers(BrokerConformance):
    @pytest.fixture
    def anyio_backend(self) -> tuple[str, dict[str, Any]]:
        return "asyncio", {"use_uvloop": True}

    @pytest.fixture
    def rig(self, server: RedisServer) -> Rig:
        return rig_of(server.url)


class TestAsyncio(BrokerConformance):
    """asyncio's own event loop, once."""

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    @pytest.fixture
    def rig(self, valkey: RedisServer) -> Rig:
        return rig_of(valkey.url)


class TestUntracked(BrokerConformance):
    """Without the index of ids: the capabilities say what is missing."""

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    @pytest.fixture
    def rig(self, valkey: RedisServer) -> Rig:
        return rig_of(f"{valkey.url}?track=no&prefix=untracked")
