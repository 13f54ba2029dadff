"""The public suite on one server."""

from __future__ import annotations

from typing import Any

import pytest

from headrace.testing.conformance import BrokerConformance, Rig
from headrace_nats import NatsBroker
from tests.servers import free_port


class TestOneServer(BrokerConformance):
    @pytest.fixture
    def anyio_backend(self) -> tuple[str, dict[str, Any]]:
        return "asyncio", {"use_uvloop": True}

    @pytest.fixture
    def rig(self, url: str) -> Rig:
        return Rig(
            connect=lambda: NatsBroker(url),
            lease=1.5,
            patience=0.3,
            examples=5,
            unreachable=lambda: NatsBroker(f"nats://user:secret@127.0.0.1:{free_port()}?timeout=1"),
            secret="secret",
        )
