"""What a workload is: something to do in several variants, and what is found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct

from headrace.bench.figure import Figure
from headrace.bench.record import Variant
from headrace.bench.subject import Subject


class Workload(Struct, frozen=True):
    """Base of the workloads. Their fields say how many jobs, so that a quick look takes fewer.

    Attributes:
        name: As the record calls it.
        once: Whether it is too long to be repeated: it is measured in the last repetition alone.
    """

    name: ClassVar[str]
    once: ClassVar[bool] = False

    def variants(self, subject: Subject) -> Sequence[Variant]:
        """Return what to measure on a subject, each by itself."""
        raise NotImplementedError

    async def measure(self, subject: Subject, variant: Variant) -> list[Figure]:
        """Measure one variant on an open subject whose queue is empty, and leave it empty.

        A cancelled call leaves jobs in the queue and no worker.

        Raises:
            NoProgress: Jobs are not run.
            WorkerFailed: A worker process does not come up.
            BrokerError: The broker cannot be reached or refuses.
        """
        raise NotImplementedError
