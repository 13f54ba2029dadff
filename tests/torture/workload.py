"""Jobs under load: short and long, failing, delayed, with unique keys, cancelled."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable

from msgspec import Struct

from headrace import Queue
from headrace.errors import BrokerError
from headrace.ids import new_id
from tests.torture.app import Tasks
from tests.torture.ledger import Ledger

STEP = 0.05
"""Seconds between two batches."""


class Mix(Struct, frozen=True, kw_only=True):
    """What jobs are like.

    Attributes:
        rate: Jobs a second.
        seconds: How long they take; each is as likely as the others.
        failing: The share of those that fail, some of them for good.
        delayed: The share of those that are due later.
        unique: The share of those that have one of a few keys.
        poisonous: The share of those that take their worker down.
    """

    rate: float = 60.0
    seconds: tuple[float, ...] = (0.0, 0.0, 0.02, 0.2, 1.0)
    failing: float = 0.1
    delayed: float = 0.1
    unique: float = 0.1
    poisonous: float = 0.0


class Producer:
    """Enqueues a mix of jobs, and tells the ledger before and after.

    Args:
        queue: Where to.
        tasks: What to call.
        ledger: Where it writes.
        mix: What the jobs are like.
        seed: Of the choices.

    Attributes:
        jobs: The ids of all jobs that were tried.
    """

    def __init__(self, queue: Queue, tasks: Tasks, ledger: Ledger, mix: Mix, seed: int) -> None:
        self._queue = queue
        self._tasks = tasks
        self._ledger = ledger
        self._mix = mix
        self._random = random.Random(seed)
        self.jobs: list[str] = []

    async def run(self, goes_on: Callable[[], bool]) -> None:
        """Enqueue at the rate of the mix for as long as it goes on."""
        began, count = time.monotonic(), 0
        async with asyncio.TaskGroup() as group:
            while goes_on():
                due = int((time.monotonic() - began) * self._mix.rate) - count
                for _ in range(due):
                    group.create_task(self._enqueue())
                count += due
                await asyncio.sleep(STEP)

    async def _enqueue(self) -> None:
        mix, chance = self._mix, self._random
        job_id, delay, unique = new_id(), 0.0, ""
        failures = chance.randint(1, 5) if chance.random() < mix.failing else 0
        if chance.random() < mix.delayed:
            delay = chance.uniform(0.3, 2.0)
        if chance.random() < mix.unique:
            unique = f"key-{chance.randrange(10)}"
        poisonous = chance.random() < mix.poisonous
        seconds = chance.choice(mix.seconds)
        task = self._tasks.poison if poisonous else self._tasks.work
        call = task.options(job_id=job_id, delay=delay, unique=unique or None).call
        due = time.monotonic() + delay if delay else 0.0
        self.jobs.append(job_id)
        self._ledger.note("try", job=job_id, due=due, unique=unique)
        try:
            [handle] = await self._queue.enqueue_many(
                [call() if poisonous else call(seconds, failures)]
            )
        except BrokerError:
            self._ledger.note("unknown", job=job_id)
        else:
            self._ledger.note("refused" if handle.duplicate else "accepted", job=job_id)
