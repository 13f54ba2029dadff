"""The file in which workers count their jobs, mapped into memory by them and by the runner.

Each process counts in a slot of its own, so that processes never wait for each other. Times are
those of CLOCK_MONOTONIC, which all processes of a machine share, in nanoseconds.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from mmap import mmap
from pathlib import Path

VARIABLE = "PEER_GAUGE"
"""The environment variable that names the file."""

SLOTS = 64
PID, FIRST, LAST, COUNT = range(4)  # the words of a slot
WIDTH = 4
HEADER = 1  # how many processes are expected
PATIENCE = 10.0  # seconds that a process waits for the others


class Gauge:
    """A file of counts.

    Args:
        path: Of the file, as `create` made it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("r+b") as file:
            self._words = memoryview(mmap(file.fileno(), 0)).cast("Q")
        self._slot = 0
        self._lock = threading.Lock()  # of the threads of one process

    @classmethod
    def create(cls, path: Path, *, processes: int = 1, moments: int = 0) -> Gauge:
        """Make a file in which nothing is counted yet.

        Args:
            path: Where.
            processes: How many are expected: the first job of each waits until all have one.
            moments: How many jobs may keep the moment at which they started.
        """
        words = HEADER + SLOTS * WIDTH + moments
        path.unlink(missing_ok=True)  # what is mapped of an older one stays as it is
        path.write_bytes(processes.to_bytes(8, "little") + bytes(8 * (words - 1)))
        return cls(path)

    def begin(self) -> None:
        """Say that a job has started, if that should count before it has ended."""
        with self._lock:
            if not self._slot:
                self._take()

    def count(self) -> None:
        """Count a job."""
        with self._lock:
            if not self._slot:
                self._take()
            self._words[self._slot + LAST] = time.monotonic_ns()
            self._words[self._slot + COUNT] += 1

    def mark(self, number: int) -> None:
        """Keep the moment at which a job started, and count it."""
        self._words[HEADER + SLOTS * WIDTH + number] = time.monotonic_ns()
        self.count()

    def forget(self) -> None:
        """Leave the slot to the process that this one was forked from."""
        self._slot = 0
        self._lock = threading.Lock()

    @property
    def arrived(self) -> int:
        """How many processes have started a job."""
        return sum(self._words[slot + PID] != 0 for slot in self._slots())

    @property
    def begun(self) -> bool:
        """Whether as many processes as are expected have started a job."""
        return self.arrived >= self._words[0]

    @property
    def counted(self) -> int:
        """How many jobs were counted."""
        return sum(self._words[slot + COUNT] for slot in self._slots())

    @property
    def seconds(self) -> float:
        """From the first job to the last that was counted, once all processes had one."""
        taken = [slot for slot in self._slots() if self._words[slot + COUNT]]
        first = min(self._words[slot + FIRST] for slot in taken)
        return (max(self._words[slot + LAST] for slot in taken) - first) / 1e9

    @property
    def moments(self) -> list[int]:
        """When each job started; 0 for those that did not."""
        return list(self._words[HEADER + SLOTS * WIDTH :])

    def _slots(self) -> range:
        return range(HEADER, HEADER + SLOTS * WIDTH, WIDTH)

    def _take(self) -> None:
        """Take a slot, and wait until the other processes have theirs.

        Raises:
            RuntimeError: More processes count than there are slots.
        """
        with self._path.open("r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX)  # until it is closed
            free = next((one for one in self._slots() if not self._words[one + PID]), None)
            if free is None:
                message = "more processes than slots"
                raise RuntimeError(message)
            self._words[free + PID] = os.getpid()
        patience = time.monotonic() + PATIENCE
        while not self.begun and time.monotonic() < patience:
            time.sleep(0.001)  # jobs that were fetched ahead wait too: nothing may run yet
        self._words[free + FIRST] = time.monotonic_ns()
        self._slot = free
