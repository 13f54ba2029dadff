"""The memory broker is the reference: it runs the public suite like any other."""

import pytest

from headrace.errors import Unavailable
from headrace.finding import Finding, Verdict
from headrace.memory import MemoryBroker
from headrace.testing import FaultyBroker, ManualClock
from headrace.testing.conformance import BrokerConformance, Rig


class AbsentBroker(MemoryBroker):
    """A broker whose server does not answer."""

    async def open(self) -> None:
        message = "nobody answers"
        raise Unavailable(message)

    async def examine(self) -> list[Finding]:
        return [Finding("connection", Verdict.REFUSED, "nobody answers", "start the server")]


class TestFaulty(BrokerConformance):
    """A broker that fails when it is told to is a broker like any other until then."""

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    @pytest.fixture
    def rig(self) -> Rig:
        clock = ManualClock()
        broker = FaultyBroker(MemoryBroker(clock=clock))
        return Rig(
            connect=lambda: broker,
            advance=clock.advance,
            patience=0.0,
            examples=20,
            unreachable=AbsentBroker,
        )


class TestMemory(BrokerConformance):
    @pytest.fixture
    def rig(self) -> Rig:
        clock = ManualClock()
        broker = MemoryBroker(clock=clock)
        return Rig(connect=lambda: broker, advance=clock.advance, patience=0.0, examples=200)
