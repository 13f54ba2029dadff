"""What a stranger writes to test a broker. `test_stranger.py` runs it elsewhere."""

import pytest
from stranger_broker import StrangerBroker

from headrace import Queue
from headrace.testing import ManualClock
from headrace.testing.conformance import BrokerConformance, Rig


class TestStranger(BrokerConformance):
    @pytest.fixture
    def rig(self) -> Rig:
        clock = ManualClock()
        broker = StrangerBroker("stranger://tests", clock=clock)
        return Rig(connect=lambda: broker, advance=clock.advance, patience=0.0)


def test_it_is_found_by_its_scheme() -> None:
    broker = Queue("stranger://here").broker
    assert isinstance(broker, StrangerBroker)
    assert broker.name == "here"
