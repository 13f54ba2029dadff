"""Chapter 8: random histories against the model."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from headrace.broker import Held, QueueSpec, QueueStats
from headrace.ids import new_id
from headrace.job import JobState, Lease, NewJob
from headrace.outcome import Dead, Done, Outcome, Release, Reschedule
from headrace.testing.conformance.lab import Chapter, Lab, Rig, job
from headrace.testing.conformance.ledger import Ledger

T = TypeVar("T")

ages: st.SearchStrategy[int] = st.integers(0, 9)
"""How many newer ones there are: what happened lately is the most interesting."""

workers: st.SearchStrategy[str] = st.sampled_from(["worker-a", "worker-b"])
kinds: st.SearchStrategy[str] = st.sampled_from(
    ["done", "dead", "release", "retry now", "retry later"]
)


def outcome_of(kind: str, lease: Lease, later: float) -> Outcome:
    """Return an outcome by its name."""
    match kind:
        case "done":
            return Done(lease, b"result", 3600.0)
        case "dead":
            return Dead(lease, "no good", b"", lease.attempt + 1, b"why", 3600.0)
        case "release":
            return Release(lease)
        case _:
            delay = later if kind == "retry later" else 0.0
            return Reschedule(lease, delay, lease.attempt + 1, b"meta")


def _recent(items: Sequence[T], age: int) -> T:
    return items[-1 - age % len(items)]


class BrokerMachine(RuleBasedStateMachine):
    """Does random things to a queue: enqueue, claim, renew, expire, settle, crash, advance.

    A crash needs no rule of its own: leases that are not renewed are those of a dead worker, and
    old leases go on being used as those of a zombie.
    """

    make_rig: Any

    @initialize()
    def begin(self) -> None:
        """Open a broker and declare a queue of this history's own."""
        self._runner = asyncio.Runner()
        whole: Rig = self.make_rig()
        # The ledger goes by the clock, not by what a lease should do: here short ones are safe.
        short = whole.lease / 4
        rig = replace(whole, lease=short, patience=min(whole.patience, short))
        broker = rig.connect()
        self._do(broker.open())
        queue = f"q-{new_id()}"
        self._do(broker.declare(QueueSpec(name=queue, lease=rig.lease, result_ttl=3600.0)))
        self.lab: Lab = Lab(rig, broker, queue)
        self.ledger: Ledger = Ledger(lambda: self._now, rig.lease)
        self.last: tuple[NewJob, str, str | None] | None = None

    def _do(self, call: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(call)

    @property
    def _now(self) -> float:
        return self.lab.broker.clock.monotonic()

    @rule(unique=st.sampled_from([None, "a", "b"]), later=st.booleans(), lane=st.integers(0, 2))
    def enqueue(self, unique: str | None, later: bool, lane: int) -> None:  # noqa: FBT001
        """Store a job."""
        delay = 1.5 * self.lab.rig.lease if later else 0.0
        one, batch, sent = job(unique=unique, delay=delay, priority=lane), new_id(), self._now
        [answer] = self._do(self.lab.enqueue(one, batch=batch))
        self.ledger.enqueued(one.id, unique, sent + delay, answer)
        self.last = one, batch, answer

    @precondition(lambda self: self.last is not None)
    @rule()
    def enqueue_again(self) -> None:
        """Repeat the last batch, as after a lost reply."""
        if self.last is not None:
            one, batch, answer = self.last
            assert self._do(self.lab.enqueue(one, batch=batch)) == [answer]

    @rule(worker=workers, limit=st.integers(1, 3))
    def claim(self, worker: str, limit: int) -> None:
        """Lease jobs."""
        for lease in self._do(self.lab.claim(limit, worker)):
            self.ledger.claimed(lease, self._now)

    @precondition(lambda self: self.ledger.leases)
    @rule(age=ages)
    def renew(self, age: int) -> None:
        """Renew any lease that was ever handed out."""
        lease, copy = _recent(self.ledger.leases, age)
        deadline = lease.deadline
        [answer] = self._do(self.lab.broker.renew([lease]))
        self.ledger.renewed(lease, copy, deadline, self._now, answer)

    @precondition(lambda self: self.ledger.leases)
    @rule(age=ages, kind=kinds)
    def settle(self, age: int, kind: str) -> None:
        """Settle any lease that was ever handed out."""
        lease, copy = _recent(self.ledger.leases, age)
        outcome = outcome_of(kind, lease, 1.5 * self.lab.rig.lease)
        sent = self._now
        [counts] = self._do(self.lab.settle(outcome))
        self.ledger.settled(outcome, copy, sent, counts)

    @precondition(lambda self: self.ledger.entries)
    @rule(age=ages)
    def cancel(self, age: int) -> None:
        """Cancel any job that was ever accepted."""
        job_id = _recent(list(self.ledger.entries), age)
        [answer] = self._do(self.lab.broker.cancel(self.lab.queue, [job_id]))
        self.ledger.cancelled(job_id, answer)

    @precondition(lambda self: self.ledger.entries)
    @rule(age=ages)
    def redrive(self, age: int) -> None:
        """Redrive any job that was ever accepted."""
        job_id = _recent(list(self.ledger.entries), age)
        sent = self._now
        count = self._do(self.lab.broker.redrive(self.lab.queue, [job_id]))
        self.ledger.redriven(job_id, sent, count)

    @rule(share=st.sampled_from([0.3, 0.9, 1.7]))
    def advance(self, share: float) -> None:
        """Let time pass: a little, or so much that leases run out and delays are over."""
        self._do(self.lab.advance(share * self.lab.rig.lease))
        swept = self._now
        self._do(self.lab.broker.maintain(self.lab.queue, "worker-of-the-lab"))
        if self.lab.rig.sweeps:
            self.ledger.lapsed(swept)

    @invariant()
    def the_books_balance(self) -> None:
        """Check I12 after every step. Counts may be behind by the lag of the rig."""
        if hasattr(self, "lab"):
            until, stats = self._now + self.lab.rig.lag, self._do(self.lab.stats())
            while not self._fit(stats) and self._now < until:
                self._do(self.lab.advance(self.lab.rig.lag / 10))
                stats = self._do(self.lab.stats())
            self.ledger.balance(stats)

    def _fit(self, stats: QueueStats) -> bool:
        try:
            self.ledger.balance(stats)
        except AssertionError:
            return False
        return True

    def teardown(self) -> None:
        """Check I1: when everything has come to an end, nothing is left and nothing is missing."""
        if not hasattr(self, "lab"):
            return
        try:
            self._drain()
        finally:
            self._do(self.lab.broker.close())
            self._runner.close()

    def _drain(self) -> None:
        lab = self.lab
        for _ in range(3):
            self.advance(1.7)
            # One by one: what was claimed and waits could lapse and come again, for ever.
            while leases := self._do(lab.broker.claim(lab.queue, "worker-a", 1, lab.rig.patience)):
                self._finish(leases[0])
        stats = self._do(lab.stats())
        assert (sum(stats.ready), stats.delayed, stats.running) == (0, 0, 0), "not all is drained"
        self.ledger.balance(stats)
        for job_id in self.ledger.live():
            state = self._do(lab.state(job_id))
            assert state is JobState.CANCELLED, f"I1: lost: {job_id} is {state}"

    def _finish(self, lease: Lease) -> None:
        self.ledger.claimed(lease, self._now)
        assert self._do(self.lab.broker.renew([lease])) == [Held.OK]
        outcome, sent = Done(lease, b"result", 3600.0), self._now
        [counts] = self._do(self.lab.settle(outcome))
        self.ledger.settled(outcome, self.ledger.leases[-1][1], sent, counts)


def broker_machine(rig: Rig) -> type[BrokerMachine]:
    """Return a state machine that works on queues of the rig's broker.

    Examples:
        >>> machine = broker_machine(Rig(connect=MemoryBroker))
        >>> TestMine = machine.TestCase
    """
    return type("Machine", (BrokerMachine,), {"make_rig": staticmethod(lambda: rig)})


class ModelChapter(Chapter):
    """No history of operations, crashes and delays breaks an invariant."""

    def test_random_histories(self, rig: Rig) -> None:
        run_state_machine_as_test(
            broker_machine(rig),
            settings=settings(
                max_examples=rig.examples,
                # Where time passes by itself no history is the same twice: a shorter one may fail
                # for another reason, or after minutes.
                phases=[phase for phase in Phase if phase is not Phase.shrink or not rig.patience],
                stateful_step_count=40,
                deadline=None,
                suppress_health_check=(
                    HealthCheck.too_slow,
                    HealthCheck.filter_too_much,
                    HealthCheck.data_too_large,
                ),
            ),
        )
