"""Many jobs that are due at the same moment: how late they start."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import ClassVar

from headrace.bench.figure import Figure, percentiles
from headrace.bench.record import Variant
from headrace.bench.subject import Subject
from headrace.bench.workload import Workload


class Delays(Workload, frozen=True):
    """Jobs with one due moment, stored well before it: the lateness of their starts.

    Attributes:
        jobs: How many.
        lead: Seconds from the first `enqueue` to the due moment.
    """

    name: ClassVar[str] = "delayed"
    jobs: int = 10_000
    lead: float = 3.0

    def variants(self, subject: Subject) -> Sequence[Variant]:  # noqa: ARG002
        """Return the one that there is."""
        return [{"jobs": self.jobs}]

    async def measure(self, subject: Subject, variant: Variant) -> list[Figure]:  # noqa: ARG002
        """Measure one moment."""
        async with subject.working():
            clock = subject.queue.broker.clock
            due, at = clock.monotonic() + self.lead, clock.time() + self.lead
            task = subject.tasks.stamped.options(at=datetime.fromtimestamp(at, UTC))
            await subject.queue.enqueue_many(map(task.call, range(self.jobs)))
            await subject.finished(self.jobs)
        late = [moment - due for moment in subject.tally.moments(self.jobs)]
        # The broker's clock decides, and this machine's may differ a little.
        early = sum(seconds < -0.001 for seconds in late)
        return [*percentiles(late), Figure("early", early, "jobs", "lower")]
