"""What must be true of a queue, whatever happens to it: a model that checks each answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from headrace.broker import Cancelled, Held, QueueStats
from headrace.job import Lease
from headrace.outcome import Dead, Done, Outcome, Release, Reschedule

CLOCK_STEP = 0.002
"""Seconds by which a broker's clock may be coarser than ours."""


@dataclass
class Entry:
    """One job as the model sees it.

    Attributes:
        unique: The key that it holds until it is over.
        due: Before which it must not be handed out, by the client's clock.
        attempt: Failures so far.
        copy: Rises with each reschedule, release and redrive.
        deliveries: How often this copy was handed out.
        holder: The newest lease of this copy.
        lapse: By when that lease has run out for the server too, by the client's clock.
        cancelled: Whether it was cancelled while it ran.
        over: How it ended.
    """

    unique: str | None
    due: float
    attempt: int = 0
    copy: int = 0
    deliveries: int = 0
    holder: Lease | None = None
    lapse: float = 0.0
    cancelled: bool = False
    over: str | None = None

    def is_unsure(self, now: float) -> bool:
        """Tell whether a claim may have ended it unseen."""
        held = self.holder is not None and now < self.holder.deadline
        return self.over is None and self.cancelled and not held

    def again(self, attempt: int, due: float) -> None:
        """Begin a new copy."""
        self.attempt, self.due = attempt, due
        self.copy += 1
        self.deliveries = 0
        self.holder = None


@dataclass
class Ledger:
    """Counts every job. A method is called with what the broker answered, and asserts.

    Invariants by their names in the reliability notes: no job is lost (I1), one end counts (I3),
    attempts and deliveries are counted right (I5), unique keys (I8), the books balance (I12).

    A cancelled job that no live lease holds may or may not be over until the next look at it tells:
    a claim may have ended it. A lease is safe for its holder until its deadline, which counts from
    the request; for the server it lasts until it has run out after the reply.

    Attributes:
        now: The client's clock.
        lease: Seconds for which the queue's leases last.
        entries: Every job that was accepted.
        leases: Every lease that was handed out, with the copy that it is of.
    """

    now: Callable[[], float]
    lease: float
    entries: dict[str, Entry] = field(default_factory=dict[str, Entry])
    leases: list[tuple[Lease, int]] = field(default_factory=list[tuple[Lease, int]])

    def live(self) -> list[str]:
        """The jobs that are not over."""
        return [job_id for job_id, entry in self.entries.items() if entry.over is None]

    def _end_if_unsure(self, entry: Entry) -> bool:
        """Take a job that may be over for one that is. Tell whether it is one."""
        if entry.is_unsure(self.now()):
            entry.over = "cancelled"
        return entry.over is not None

    def enqueued(self, job_id: str, unique: str | None, due: float, answer: str | None) -> None:
        """Check I8 and open the books of a job."""
        holders = [one for one in self.live() if unique and self.entries[one].unique == unique]
        if holders and not (answer is None and self._end_if_unsure(self.entries[holders[0]])):
            assert answer == holders[0], f"I8: {unique!r} is held by {holders[0]}, not {answer}"
            return
        assert answer is None, f"I8: {unique!r} is free, yet {answer} is said to hold it"
        self.entries[job_id] = Entry(unique, due)

    def claimed(self, lease: Lease, now: float) -> None:
        """Check I5, that no live lease is robbed, and that nothing is early."""
        entry = self.entries[lease.id]
        assert entry.over is None, f"I3: {lease.id} is over ({entry.over}) and was handed out"
        assert not entry.cancelled, f"{lease.id} was cancelled and was handed out"
        assert now >= entry.due - CLOCK_STEP, f"{lease.id} is {entry.due - now} s early"
        if entry.holder is not None:
            assert now >= entry.holder.deadline, f"I4: the lease of {lease.id} was robbed"
        assert lease.attempt == entry.attempt, f"I5: attempt {lease.attempt}, not {entry.attempt}"
        entry.deliveries += 1
        assert lease.deliveries == entry.deliveries, (
            f"I5: deliveries {lease.deliveries}, not {entry.deliveries}"
        )
        entry.holder, entry.lapse = lease, now + self.lease
        self.leases.append((lease, entry.copy))

    def renewed(self, lease: Lease, copy: int, deadline: float, now: float, answer: Held) -> None:
        """Check that a holder keeps its lease and that nobody else does."""
        entry = self.entries[lease.id]
        current = entry.over is None and entry.copy == copy and entry.holder is lease
        if not current:
            assert answer is Held.LOST, f"I4: a stale lease of {lease.id} was renewed"
        elif now < deadline:
            expected = Held.CANCELLED if entry.cancelled else Held.OK
            assert answer is expected, f"{lease.id} is held, yet {answer}"
        if answer is Held.LOST:
            assert lease.deadline == deadline
        else:
            entry.lapse = now + self.lease

    def settled(self, outcome: Outcome, copy: int, sent: float, counts: bool) -> None:  # noqa: FBT001
        """Check I3 and that only the holder decides, and write down what counts."""
        lease = outcome.lease
        entry = self.entries[lease.id]
        alive = entry.over is None and entry.copy == copy
        if isinstance(outcome, Done) and alive and not counts:
            alive = not self._end_if_unsure(entry)
        if isinstance(outcome, Done):
            assert counts is alive, f"I3: Done for {lease.id}: {counts}, but it is {entry}"
        elif not (alive and entry.holder is lease):
            assert not counts, f"I3: a stale {type(outcome).__name__} for {lease.id} counted"
        elif sent < lease.deadline:
            assert counts, f"{type(outcome).__name__} of the holder of {lease.id} was refused"
        if counts:
            self._apply(entry, outcome, sent)

    def _apply(self, entry: Entry, outcome: Outcome, sent: float) -> None:
        match outcome:
            case Done():
                entry.over = "done"
            case Dead():
                entry.over = "dead"
            case _ if entry.cancelled:
                entry.over = "cancelled"
            case Reschedule():
                entry.again(outcome.attempt, sent + outcome.delay)
            case Release():
                entry.again(entry.attempt, entry.due)

    def cancelled(self, job_id: str, answer: Cancelled) -> None:
        """Write down a cancellation, and check that a job that is over is not found."""
        entry = self.entries[job_id]
        if answer is Cancelled.NOT_FOUND:
            self._end_if_unsure(entry)
        if entry.over is not None:
            assert answer is Cancelled.NOT_FOUND, f"{job_id} is over, yet {answer}"
        elif answer is Cancelled.REMOVED:
            entry.over = "cancelled"
        else:
            assert answer is Cancelled.SIGNALLED, f"I1: {job_id} is not over, yet {answer}"
            entry.cancelled = True

    def redriven(self, job_id: str, sent: float, count: int) -> None:
        """Check that a dead letter goes back unless its key is taken."""
        entry = self.entries[job_id]
        holders = [
            self.entries[other]
            for other in self.live()
            if entry.unique and self.entries[other].unique == entry.unique
        ]
        taken = bool(holders) and not (count and self._end_if_unsure(holders[0]))
        assert count == (entry.over == "dead" and not taken), f"redrive of {job_id}: {count}"
        if count:
            entry.over = None
            entry.cancelled = False
            entry.again(0, sent)

    def lapsed(self, now: float) -> None:
        """Write down that cancelled jobs whose lease had run out before a sweep are over."""
        for entry in self.entries.values():
            if entry.over is None and entry.cancelled and entry.holder is not None:
                if now >= entry.lapse:
                    entry.over = "cancelled"

    def balance(self, stats: QueueStats) -> None:
        """Check I12."""
        live, dead = len(self.live()), sum(e.over == "dead" for e in self.entries.values())
        unsure = sum(entry.is_unsure(self.now()) for entry in self.entries.values())
        counted = sum(stats.ready) + stats.delayed + stats.running
        assert live - unsure <= counted <= live, (
            f"I12: {counted} jobs are counted, {live} are not over: {stats}"
        )
        assert stats.dead == dead, f"I12: {stats.dead} dead letters are counted, not {dead}"
