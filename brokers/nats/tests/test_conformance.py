"""The public suite on one server, and on three."""

from __future__ import annotations

from typing import Any

import pytest

from headrace.testing.conformance import BrokerConformance, Rig
from headrace_nats import NatsBroker
from tests.servers import NatsCluster, NatsServer, free_port


def rig_of(url: str, lag: float = 0.1) -> Rig:
    return Rig(
        connect=lambda: NatsBroker(url),
        lease=1.5,
        patience=0.3,
        lag=lag,
        sweeps=False,
        examples=5,
        unreachable=lambda: NatsBroker(f"nats://user:secret@127.0.0.1:{free_port()}?timeout=0.5"),
        secret="secret",
    )


class TestOneServer(BrokerConformance):
    @pytest.fixture
    def rig(self, node: NatsServer) -> Rig:
        return rig_of(node.url)


@pytest.mark.cluster
class TestThreeServers(BrokerConformance):
    """Every stream is kept three times, and any of the servers may answer."""

    @pytest.fixture
    def anyio_backend(self) -> tuple[str, dict[str, Any]]:
        return "asyncio", {"use_uvloop": True}

    @pytest.fixture
    def rig(self, cluster: NatsCluster) -> Rig:
        return rig_of(f"{cluster.url}?replicas=3", lag=0.3)
