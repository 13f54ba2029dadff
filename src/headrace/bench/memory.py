"""What a queued job takes in the broker, and a worker in its machine."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

from headrace.bench.figure import Figure, rss
from headrace.bench.record import Variant
from headrace.bench.subject import Subject
from headrace.bench.workload import Workload


class Memory(Workload, frozen=True):
    """No-op jobs that are queued: bytes for each. A worker that has run them: its memory.

    The bytes are those that the server says it holds; a broker in this process is traced. A broker
    that cannot be asked has no such figure.
    """

    name: ClassVar[str] = "memory"
    jobs: int = 100_000

    def variants(self, subject: Subject) -> Sequence[Variant]:
        """Return what can be looked at."""
        queued: list[Variant] = [{"of": "queued job"}]
        return [*(queued if _storage(subject) else []), {"of": "worker"}]

    async def measure(self, subject: Subject, variant: Variant) -> list[Figure]:
        """Look at one."""
        calls = map(subject.tasks.noop.call, range(self.jobs))
        storage = _storage(subject)
        if variant["of"] == "worker" or storage is None:
            async with subject.working() as workers:
                await subject.drain(workers, calls)
                return [rss(workers.rss)]
        if not subject.shared:
            tracemalloc.start()
        try:
            before = await storage()
            await subject.queue.enqueue_many(calls)
            used = await storage() - before
        finally:
            tracemalloc.stop()
            await subject.empty()
        return [Figure("bytes", used / self.jobs, "B/job", "lower")]


def _storage(subject: Subject) -> Callable[[], Awaitable[int]] | None:
    return subject.storage if subject.shared else _traced


async def _traced() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
