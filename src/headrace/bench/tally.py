"""What worker processes did, in a file that all of them map.

Asking the broker would cost it the very work that is measured; a message would cost the worker.
Counting in shared memory costs a tenth of a microsecond, and the end is seen at once. Each process
has a slot of its own, so that there is no lock.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from mmap import mmap
from pathlib import Path

from headrace.clock import SystemClock

FILE_VARIABLE = "HEADRACE_BENCH_TALLY"
SLOT_VARIABLE = "HEADRACE_BENCH_SLOT"

SLOTS = 64
"""Worker processes at a time."""

MOMENTS = 1 << 17
"""Jobs whose moment can be kept."""

_NUMBER = 8
_PER_SLOT = 2
_SIZE = _NUMBER * (_PER_SLOT * SLOTS + MOMENTS)

_monotonic = SystemClock().monotonic


class Tally:
    """Counts finished jobs, and keeps the moments at which jobs started.

    Moments are seconds of the monotonic clock, which all processes of a machine share.

    Args:
        path: The file, as `new_tally` makes it.
        slot: Of this process.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path, slot: int = 0) -> None:
        self.path = path
        with path.open("r+b") as file:
            self._map = mmap(file.fileno(), _SIZE)
        self._numbers = memoryview(self._map).cast("d")
        self._count = _PER_SLOT * slot
        self._first = self._count + 1

    # in the worker

    def start(self) -> None:
        """Note the start of a job, if it is the first."""
        if not self._numbers[self._first]:
            self._numbers[self._first] = _monotonic()

    def stamp(self, number: int) -> None:
        """Note the start of one job, the last one of its attempts.

        Raises:
            IndexError: There is no room for this number.
        """
        self._numbers[_PER_SLOT * SLOTS + number] = _monotonic()

    def finish(self) -> None:
        """Count a job. One that takes no time need not say that it starts."""
        self.start()
        self._numbers[self._count] += 1

    # beside it

    def slot(self, number: int) -> dict[str, str]:
        """Return the environment of a process that has this slot.

        Raises:
            ValueError: There are not so many slots.
        """
        if not 0 <= number < SLOTS:
            message = f"there are {SLOTS} slots"
            raise ValueError(message)
        return {FILE_VARIABLE: str(self.path), SLOT_VARIABLE: str(number)}

    @property
    def finished(self) -> int:
        """How many jobs all processes finished since it was cleared."""
        return int(sum(self._numbers[number] for number in range(0, _PER_SLOT * SLOTS, _PER_SLOT)))

    @property
    def first(self) -> float | None:
        """The moment at which the first job started, `None` if none did."""
        starts = (self._numbers[number] for number in range(1, _PER_SLOT * SLOTS, _PER_SLOT))
        return min((start for start in starts if start), default=None)

    def moments(self, jobs: int) -> list[float]:
        """Return the moments at which the jobs 0 to `jobs - 1` started, 0 for one that did not."""
        start = _PER_SLOT * SLOTS
        return [self._numbers[start + number] for number in range(jobs)]

    def clear(self) -> None:
        """Forget everything. No job may run meanwhile."""
        self._map[:] = bytes(_SIZE)

    def close(self) -> None:
        """Let go of the file."""
        self._numbers.release()
        self._map.close()


@contextmanager
def new_tally() -> Generator[Tally]:
    """Give a tally in a file that ends with the block."""
    with tempfile.NamedTemporaryFile(prefix="headrace-bench-") as file:
        file.truncate(_SIZE)
        tally = Tally(Path(file.name))
        try:
            yield tally
        finally:
            tally.close()


def tally_of(environment: Mapping[str, str] = os.environ) -> Tally:
    """Return the tally that the environment of a worker process names.

    Raises:
        KeyError: It names none.
        OSError: The file is gone.
    """
    return Tally(Path(environment[FILE_VARIABLE]), int(environment[SLOT_VARIABLE]))
