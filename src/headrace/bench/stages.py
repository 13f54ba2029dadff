"""What each step of a job's way through a worker costs, one step at a time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from typing import ClassVar, TypeVar

from headrace.bench.figure import Figure
from headrace.bench.record import Variant
from headrace.bench.subject import Subject
from headrace.bench.workload import Workload
from headrace.ids import new_id
from headrace.job import Lease
from headrace.outcome import Outcome
from headrace.worker.attempt import prepare
from headrace.worker.executor import Executor
from headrace.worker.limits import TaskLimits
from headrace.worker.run import Run
from headrace.worker.threads import Threads

T = TypeVar("T")

BATCH = 100
"""Jobs that are claimed, run and settled together: as a worker of that concurrency does."""

CLAIM_WAIT = 1.0


class Stages(Workload, frozen=True):
    """No-op jobs without results, in batches of 100, step by step in this process.

    `claim` and `settle` hold the wait for the broker; a worker does both while jobs run. `decode`
    is from the bytes to checked arguments; `run` the asyncio task, the call and the verdict.
    """

    name: ClassVar[str] = "stages"
    jobs: int = 5_000

    def variants(self, subject: Subject) -> Sequence[Variant]:  # noqa: ARG002
        """Return the one that there is: a walk through all steps."""
        return [{}]

    async def measure(self, subject: Subject, variant: Variant) -> list[Figure]:  # noqa: ARG002
        """Walk once."""
        await subject.queue.enqueue_many(map(subject.tasks.noop.call, range(self.jobs)))
        marks = [subject.now()]
        leases = await self._claim(subject)
        marks.append(subject.now())
        for lease in leases:
            prepare(lease, subject.queue, random.random())
        marks.append(subject.now())
        outcomes = await _run(subject, leases)
        marks.append(subject.now())
        for batch in _batches(outcomes):
            await subject.queue.broker.settle(batch)
        marks.append(subject.now())
        claim, decode, run, settle = (end - start for start, end in pairwise(marks))
        # Running a lease decodes it again.
        spent = {"claim": claim, "decode": decode, "run": run - decode, "settle": settle}
        return [
            Figure("cost", seconds / self.jobs * 1e6, "µs/job", "lower", {"stage": stage})
            for stage, seconds in spent.items()
        ]

    async def _claim(self, subject: Subject) -> list[Lease]:
        broker, name, worker = subject.queue.broker, subject.queue.name, new_id()
        leases: list[Lease] = []
        while len(leases) < self.jobs:
            leases += await broker.claim(name, worker, BATCH, CLAIM_WAIT)
        return leases


async def _run(subject: Subject, leases: Sequence[Lease]) -> list[Outcome]:
    clock, outcomes = subject.queue.broker.clock, list[Outcome]()
    executor = Executor(subject.queue, clock, Threads(1), TaskLimits(1), _arrived)
    for batch in _batches(leases):
        runs = [asyncio.create_task(executor.execute(Run(lease)), name=lease.id) for lease in batch]
        await asyncio.wait(runs)
        outcomes += filter(None, (run.result() for run in runs))
    return outcomes


async def _arrived(_: object) -> bool:
    return True


def _batches(items: Sequence[T]) -> Iterator[list[T]]:
    remaining = iter(items)
    while batch := list(islice(remaining, BATCH)):
        yield batch
