"""The conformance suite catches bugs: it is run on brokers that have one, and must fail."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from msgspec import structs

from headrace.broker import Held
from headrace.finding import Finding, Verdict
from headrace.job import Lease
from headrace.memory import MemoryBroker
from headrace.outcome import Done, Outcome, Reschedule
from headrace.testing import ManualClock
from headrace.testing.conformance import Rig, broker_machine


class AcknowledgesEarly(MemoryBroker):
    """Takes a job out when it is handed out, as a queue without leases does."""

    async def claim(self, queue: str, worker: str, limit: int, wait: float) -> list[Lease]:
        leases = await super().claim(queue, worker, limit, wait)
        await super().settle([Done(lease) for lease in leases])
        return leases

    async def settle(self, outcomes: Sequence[Outcome]) -> list[bool]:
        return [True] * len(outcomes)


class DoesNotFence(MemoryBroker):
    """Lets whoever once had a job act for its present holder, as a bare XCLAIM or XACK does."""

    def __init__(self, *, clock: ManualClock) -> None:
        super().__init__(clock=clock)
        self._newest: dict[str, Lease] = {}

    async def claim(self, queue: str, worker: str, limit: int, wait: float) -> list[Lease]:
        leases = await super().claim(queue, worker, limit, wait)
        self._newest.update((lease.id, lease) for lease in leases)
        return leases

    async def renew(self, leases: Sequence[Lease]) -> list[Held]:
        return await super().renew([self._newest[lease.id] for lease in leases])

    async def settle(self, outcomes: Sequence[Outcome]) -> list[bool]:
        return await super().settle(
            [structs.replace(one, lease=self._newest[one.lease.id]) for one in outcomes]
        )


class LosesOnRetry(MemoryBroker):
    """Takes the old copy out and forgets to put the new one in."""

    async def settle(self, outcomes: Sequence[Outcome]) -> list[bool]:
        return await super().settle(
            [Done(one.lease) if isinstance(one, Reschedule) else one for one in outcomes]
        )


class TellsItsPassword(MemoryBroker):
    """Shows the URL that it was given to whoever looks."""

    async def examine(self) -> list[Finding]:
        return [Finding("connection", Verdict.OK, "connected to broken://user:hunter2@host")]


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
from tests.test_broken_brokers import {broker}

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
        "-q", "-p", "no:randomly", "--tb=no", "-rf", "-k", "not random_histories"
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
