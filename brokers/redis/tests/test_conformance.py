"""The public suite on every server that is there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.servers import REDIS_SERVERS, RedisServer, free_port

from headrace.testing.conformance import BrokerConformance, Rig
from headrace_redis import RedisBroker


@pytest.fixture(scope="session", params=sorted(REDIS_SERVERS))
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    binary = REDIS_SERVERS[request.param]()
    if binary is None:
        pytest.skip(f"there is no {request.param} here")
    server = RedisServer(binary, tmp_path_factory.mktemp("redis")).start()
    yield server
    server.stop()


class TestOneServer(BrokerConformance):
    @pytest.fixture
    def rig(self, server: RedisServer) -> Rig:
        return Rig(
            connect=lambda: RedisBroker(server.url),
            lease=1.0,
            patience=0.3,
            examples=3,
            unreachable=lambda: RedisBroker(f"redis://127.0.0.1:{free_port()}"),
        )
