"""What the model may conclude from an answer, and what it may not."""

from __future__ import annotations

import pytest

from headrace.broker import Cancelled, QueueStats
from headrace.job import Lease
from headrace.outcome import Done, Release
from headrace.testing.clock import ManualClock
from headrace.testing.conformance.ledger import Ledger

LEASE = 2.0
RUNNING = QueueStats(ready=(0, 0, 0), delayed=0, running=1, dead=0, paused=False)
EMPTY = QueueStats(ready=(0, 0, 0), delayed=0, running=0, dead=0, paused=False)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def ledger(clock: ManualClock) -> Ledger:
    ledger = Ledger(clock.monotonic, LEASE)
    ledger.enqueued("job", None, clock.monotonic(), None)
    return ledger


def leased(ledger: Ledger, clock: ManualClock, deliveries: int) -> Lease:
    """Hand the job out, by a claim that took half a second."""
    deadline = clock.monotonic() + LEASE
    lease = Lease("q", "job", b"", b"", 0, 0, deliveries, deliveries, deadline, None)
    clock.jump(0.5)
    ledger.claimed(lease, clock.monotonic())
    return lease


def test_a_stale_settle_says_nothing_of_a_cancelled_job(ledger: Ledger, clock: ManualClock) -> None:
    stale = leased(ledger, clock, 1)
    clock.jump(LEASE)
    leased(ledger, clock, 2)
    ledger.cancelled("job", Cancelled.SIGNALLED)
    clock.jump(LEASE)
    ledger.settled(Release(stale), 0, clock.monotonic(), False)
    ledger.balance(RUNNING)
    ledger.balance(EMPTY)


def test_a_done_that_is_refused_says_that_a_cancelled_job_is_over(
    ledger: Ledger, clock: ManualClock
) -> None:
    lease = leased(ledger, clock, 1)
    ledger.cancelled("job", Cancelled.SIGNALLED)
    clock.jump(LEASE)
    ledger.settled(Done(lease, None, 0.0), 0, clock.monotonic(), False)
    with pytest.raises(AssertionError, match="I12"):
        ledger.balance(RUNNING)


def test_a_sweep_ends_a_lease_that_has_run_out_for_the_server_too(
    ledger: Ledger, clock: ManualClock
) -> None:
    lease = leased(ledger, clock, 1)
    ledger.cancelled("job", Cancelled.SIGNALLED)
    ledger.lapsed(lease.deadline + 0.1)
    clock.jump(LEASE + 0.1)
    ledger.balance(RUNNING)
    ledger.lapsed(clock.monotonic())
    with pytest.raises(AssertionError, match="I12"):
        ledger.balance(RUNNING)
    ledger.balance(EMPTY)
