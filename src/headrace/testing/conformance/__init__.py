"""The conformance suite: what every broker must do, as tests that you run against yours.

    from headrace.testing.conformance import BrokerConformance, Rig

    class TestMyBroker(BrokerConformance):
        @pytest.fixture
        def rig(self) -> Rig:
            return Rig(connect=lambda: MyBroker("mine://localhost"))

Put it into a test module and run pytest. It needs the extra `headrace[testing]`.
"""

import pytest

pytest.register_assert_rewrite(
    *(
        f"headrace.testing.conformance.{chapter}"
        for chapter in (
            "lab",
            "enqueue",
            "claim",
            "settle",
            "lease",
            "schedule",
            "control",
            "inspection",
            "model",
        )
    )
)

from headrace.testing.conformance.claim import ClaimChapter  # noqa: E402 - asserts first
from headrace.testing.conformance.control import ControlChapter  # noqa: E402
from headrace.testing.conformance.enqueue import EnqueueChapter  # noqa: E402
from headrace.testing.conformance.inspection import InspectionChapter  # noqa: E402
from headrace.testing.conformance.lab import Lab, Rig  # noqa: E402
from headrace.testing.conformance.lease import LeaseChapter  # noqa: E402
from headrace.testing.conformance.model import ModelChapter, broker_machine  # noqa: E402
from headrace.testing.conformance.schedule import ScheduleChapter  # noqa: E402
from headrace.testing.conformance.settle import SettleChapter  # noqa: E402

__all__ = ["BrokerConformance", "Lab", "Rig", "broker_machine"]


class BrokerConformance(
    EnqueueChapter,
    ClaimChapter,
    SettleChapter,
    LeaseChapter,
    ScheduleChapter,
    ControlChapter,
    InspectionChapter,
    ModelChapter,
):
    """Every chapter. Inherit from it in a class whose name begins with `Test`, and give a `rig`.

    Examples:
        >>> class TestMine(BrokerConformance):
        ...     @pytest.fixture
        ...     def rig(self) -> Rig:
        ...         return Rig(connect=MemoryBroker)
    """
