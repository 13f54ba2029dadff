"""For tests: a clock that you move, a broker that fails when told, and the conformance suite.

The suite, `headrace.testing.conformance`, needs the extra `headrace[testing]`.
"""

from headrace.testing.clock import ManualClock
from headrace.testing.faults import FaultyBroker

__all__ = ["FaultyBroker", "ManualClock"]
