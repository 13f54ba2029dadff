"""What a worker did, counted."""

from __future__ import annotations

from msgspec import Struct, structs

from headrace.job import JobState
from headrace.outcome import Dead, Done, Outcome, Release


class Tally(Struct):
    """Counts of deliveries, by how they ended.

    Attributes:
        claimed: Leases that were taken.
        succeeded: Jobs whose task returned.
        retried: Attempts that failed and are tried again.
        snoozed: Jobs put off without a failure: snoozed, crowded out, or of an unknown task.
        dead: Jobs that were dead-lettered.
        cancelled: Jobs that were cancelled, and ticks that were dropped.
        released: Jobs given back as they were.
        lost: Deliveries whose outcome did not count, because the lease was lost.
    """

    claimed: int = 0
    succeeded: int = 0
    retried: int = 0
    snoozed: int = 0
    dead: int = 0
    cancelled: int = 0
    released: int = 0
    lost: int = 0

    def count(self, outcome: Outcome) -> None:
        """Count an outcome that was accepted."""
        if isinstance(outcome, Done):
            if outcome.state is JobState.SUCCEEDED:
                self.succeeded += 1
            else:
                self.cancelled += 1
        elif isinstance(outcome, Dead):
            self.dead += 1
        elif isinstance(outcome, Release):
            self.released += 1
        elif outcome.attempt > outcome.lease.attempt:
            self.retried += 1
        else:
            self.snoozed += 1

    def facts(self) -> dict[str, int]:
        """Return the counts by name, for a log line or a report."""
        return structs.asdict(self)
