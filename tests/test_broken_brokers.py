"""The conformance suite catches bugs: it is run on brokers that have one, and must fail."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from headrace.memory import MemoryBroker
from headrace.testing import ManualClock
from headrace.testing.conformance import Rig, broker_machine
from tests.broken_brokers import (
    AcknowledgesEarly,
    DoesNotFence,
    LosesOnRetry,
    TellsItsPassword,
)

UNSAFE = [AcknowledgesEarly, DoesNotFence, LosesOnRetry]
"""Those that break what the model knows of."""

BROKEN: list[tuple[type[MemoryBroker], list[str]]] = [
    (
        AcknowledgesEarly,
        [
            "test_a_job_of_a_dead_worker_comes_again",
            "test_a_renewed_lease_is_kept",
            "test_done",
        ],
    ),
    (
        DoesNotFence,
        [
            "test_a_lost_lease_settles_nothing_else",
            "test_a_lost_lease_is_reported_and_not_stolen_back",
            "test_a_lease_of_an_older_copy_settles_nothing",
        ],
    ),
    (
        LosesOnRetry,
        [
            "test_reschedule_now",
            "test_reschedule_later",
            "test_a_unique_key_is_held_while_its_job_runs_and_is_retried",
        ],
    ),
    (
        TellsItsPassword,
        [
            "test_an_open_broker_is_examined",
            "test_a_closed_broker_is_examined_and_can_be_opened",
        ],
    ),
]

MODULE = """
import pytest
from headrace.testing import ManualClock
from headrace.testing.conformance import BrokerConformance, Rig
from tests.broken_brokers import {broker}

class TestBroken(BrokerConformance):
    @pytest.fixture(params=["asyncio"])
    def anyio_backend(self, request):
        return request.param

    @pytest.fixture
    def rig(self):
        clock = ManualClock()
        broker = {broker}(clock=clock)
        return Rig(
            connect=lambda: broker, advance=clock.advance, patience=0.0, secret="hunter2"
        )
"""


@pytest.mark.parametrize(
    ("broker", "caught"), BROKEN, ids=lambda value: getattr(value, "__name__", "")
)
def test_the_suite_fails_on_a_broken_broker(
    broker: type[MemoryBroker], caught: list[str], pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(MODULE.format(broker=broker.__name__))
    result = pytester.runpytest_inprocess(
        "-q", "-pno:asyncio", "-pno:randomly", "--tb=no", "-rf", "-k", "not random_histories"
    )
    report = result.stdout.str()
    missed = [name for name in caught if f"::{name}" not in report]
    assert missed == []
    assert result.parseoutcomes()["passed"] > 30, "it fails for the bug, not for the set-up"


@pytest.mark.parametrize("broker", UNSAFE)
def test_the_model_finds_the_bug_by_itself(broker: type[MemoryBroker]) -> None:
    clock = ManualClock()
    broken = broker(clock=clock)
    rig = Rig(connect=lambda: broken, advance=clock.advance, patience=0.0)
    with pytest.raises((AssertionError, KeyError, ExceptionGroup)):
        run_state_machine_as_test(
            broker_machine(rig),
            settings=settings(
                max_examples=500,
                stateful_step_count=40,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.generate],  # to find it is enough: no minutes for the least history
                suppress_health_check=[HealthCheck.too_slow],
            ),
        )
