"""Jobs that fail: whether every one of them ends where it should."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from headrace.bench.figure import Figure, elapsed
from headrace.bench.record import Variant
from headrace.bench.subject import Subject
from headrace.bench.tasks import ATTEMPTS
from headrace.bench.workload import Workload

EVERY = 5


class Failing(Workload, frozen=True):
    """One job in five fails until its attempts are used up.

    `completion` is the share of jobs that ended, counted from runs and dead letters: more than
    100 % if some ran too often. `misplaced` says how many are dead letters and should not be, or
    the other way round: 0 if the dead letters are exact.
    """

    name: ClassVar[str] = "faulty"
    jobs: int = 5_000

    def variants(self, subject: Subject) -> Sequence[Variant]:  # noqa: ARG002
        """Return the one that there is."""
        return [{"jobs": self.jobs, "failing": len(range(0, self.jobs, EVERY))}]

    async def measure(self, subject: Subject, variant: Variant) -> list[Figure]:
        """Measure them all."""
        failing = int(variant["failing"])
        task = subject.tasks.failing
        async with subject.working():
            began = subject.now()
            handles = await subject.queue.enqueue_many(
                task.call(fails=number % EVERY == 0) for number in range(self.jobs)
            )
            ended = await subject.finished(self.jobs - failing + failing * ATTEMPTS)
        expected = {handle.id for handle in handles[::EVERY]}
        letters = [letter.id async for letter in subject.queue.dead_letters()]
        succeeded = subject.tally.finished - ATTEMPTS * len(letters)
        await subject.empty()
        misplaced = len(expected ^ set(letters)) + len(letters) - len(set(letters))
        return [
            Figure("completion", 100 * (succeeded + len(letters)) / self.jobs, "%", "higher"),
            Figure("dead letters", len(letters), "jobs", "lower"),
            Figure("misplaced", misplaced, "jobs", "lower"),
            elapsed("elapsed", ended - began),
        ]
