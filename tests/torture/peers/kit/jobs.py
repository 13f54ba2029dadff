"""What the jobs of every peer do, as `tests.torture.app` has it."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import threading
import time
from asyncio import sleep  # a job takes its time
from collections.abc import Callable, Mapping

from tests.torture.peers.kit.witness import Witness

ATTEMPTS = 4
RESULT_TTL = 7200


class OnPurpose(Exception):
    """What a task raises that was asked to fail."""


DEATHS: Mapping[str, Callable[[], object]] = {
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "exit": lambda: os._exit(1),
    "segmentation fault": lambda: ctypes.string_at(0),
}
"""How a job takes its process down."""


class Execution:
    """One execution of a job, and what is written down of it.

    Args:
        witness: Who writes.
        job: The job's id.
        task: Its task.
        attempt: As the peer counts: 1 = the first.
    """

    def __init__(self, witness: Witness, job: str, task: str, attempt: int) -> None:
        self._witness = witness
        self._token = time.monotonic_ns()
        self._facts = {"job": job, "task": task, "attempt": attempt, "fencing": self._token}
        self._attempt = attempt
        self._note("start")

    def _note(self, kind: str) -> None:
        self._witness.note(kind, **self._facts)

    def _end(self) -> list[str | int]:
        self._note("end")
        return [str(self._facts["job"]), self._token]

    async def work(self, seconds: float, failures: int) -> list[str | int]:
        """Take a while, and fail so many times before.

        Raises:
            OnPurpose: It was asked to fail.
        """
        try:
            await sleep(seconds)
        except asyncio.CancelledError:
            self._note("interrupted")
            raise
        if self._attempt <= failures:
            self._note("failed")
            raise OnPurpose
        return self._end()

    async def block(self, seconds: float) -> list[str | int]:
        """Block the event loop."""
        threading.Event().wait(seconds)
        return self._end()

    async def poison(self, death: str) -> None:
        """Take the worker down."""
        self._witness.note("killed", victim=self._witness.process)
        DEATHS[death]()
