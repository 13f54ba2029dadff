"""The memory broker is the reference: it runs the public suite like any other."""

import pytest

from headrace.memory import MemoryBroker
from headrace.testing import ManualClock
from headrace.testing.conformance import BrokerConformance, Rig


class TestMemory(BrokerConformance):
    @pytest.fixture
    def rig(self) -> Rig:
        clock = ManualClock()
        broker = MemoryBroker(clock=clock)
        return Rig(connect=lambda: broker, advance=clock.advance, patience=0.0, examples=200)
