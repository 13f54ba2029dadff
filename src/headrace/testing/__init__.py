"""For tests: your queue in a harness, a clock and a broker to play with, the conformance suite.

`Harness` runs the jobs of your application in memory and in virtual time; pytest finds the fixture
`headrace_queue`, which is one. The conformance suite for brokers, `headrace.testing.conformance`,
needs the extra `headrace[testing]`.
"""

from headrace.testing.clock import ManualClock
from headrace.testing.enqueued import Enqueued
from headrace.testing.faults import FaultyBroker
from headrace.testing.harness import Harness

__all__ = ["Enqueued", "FaultyBroker", "Harness", "ManualClock"]
