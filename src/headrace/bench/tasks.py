"""The tasks that are measured. `headrace worker headrace.bench.tasks:queue` serves them."""

from __future__ import annotations

import logging
from hashlib import sha256

from headrace.bench.tally import Tally, tally_of
from headrace.clock import SystemClock
from headrace.queue import Queue
from headrace.retry import RetryPolicy
from headrace.task import AsyncTask

QUEUE = "headrace-bench"
"""The queue of the benchmarks: nothing else may be in it."""

ATTEMPTS = 3
"""Of a job that fails every time."""

FAILING = "failing"

_BLOCK = bytes(1024)


class Refusal(Exception):
    """What a job raises that is to fail."""


class Tasks:
    """A queue with the tasks that are measured.

    Args:
        url: The broker's; `None`: that of the environment.
        tally: Where the tasks count.

    Attributes:
        queue: The queue.
        noop: Does nothing, and keeps nothing.
        kept: Does nothing, and its result is kept.
        stamped: Notes when it started.
        sleeping: Sleeps so many seconds.
        carrying: Takes bytes.
        hashing: Hashes so many blocks of 1 KB: work for a processor.
        failing: Fails every time if it is told to, until its attempts are used up.
    """

    def __init__(self, url: str | None, tally: Tally) -> None:
        self._tally = tally
        self._clock = SystemClock()
        queue = Queue(url, name=QUEUE)
        self.queue: Queue = queue
        self.noop: AsyncTask[[int], None] = queue.task(name="noop", result_ttl=0)(self._noop)
        self.kept: AsyncTask[[int], int] = queue.task(name="kept")(self._kept)
        self.stamped: AsyncTask[[int], None] = queue.task(name="stamped", result_ttl=0)(
            self._stamped
        )
        self.sleeping: AsyncTask[[float], None] = queue.task(name="sleeping", result_ttl=0)(
            self._sleeping
        )
        self.carrying: AsyncTask[[bytes], None] = queue.task(name="carrying", result_ttl=0)(
            self._carrying
        )
        self.hashing: AsyncTask[[int], None] = queue.task(name="hashing", result_ttl=0)(
            self._hashing
        )
        policy = RetryPolicy(attempts=ATTEMPTS, base=0.05, factor=1)
        # Writing them down would be measured too, and nobody needs to read of failures on purpose.
        logging.getLogger("headrace.worker").addFilter(_is_news)
        self.failing: AsyncTask[..., None] = queue.task(name=FAILING, result_ttl=0, retry=policy)(
            self._failing
        )

    async def _noop(self, number: int) -> None:  # noqa: ARG002 - jobs have arguments
        self._tally.finish()

    async def _kept(self, number: int) -> int:
        self._tally.finish()
        return number

    async def _stamped(self, number: int) -> None:
        self._tally.stamp(number)
        self._tally.finish()

    async def _sleeping(self, seconds: float) -> None:
        self._tally.start()
        await self._clock.sleep(seconds)
        self._tally.finish()

    async def _carrying(self, payload: bytes) -> None:  # noqa: ARG002 - it is carried
        self._tally.finish()

    async def _hashing(self, blocks: int) -> None:
        self._tally.start()
        digest = sha256()
        for _ in range(blocks):
            digest.update(_BLOCK)
        self._tally.finish()

    async def _failing(self, *, fails: bool) -> None:
        self._tally.finish()
        if fails:
            message = "this job is to fail"
            raise Refusal(message)


def _is_news(record: logging.LogRecord) -> bool:
    return getattr(record, "task", None) != FAILING


def __getattr__(name: str) -> Queue:
    """Make `queue` when a worker process asks for it."""
    if name == "queue":
        return Tasks(None, tally_of()).queue
    raise AttributeError(name)
