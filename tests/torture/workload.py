"""Jobs under load: short and long, failing, delayed, with unique keys, cancelled, hostile."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from msgspec import Struct

from headrace import Queue
from headrace.errors import BrokerError, Rejected
from headrace.ids import new_id
from tests.torture.app import DEATHS, ZOO, Tasks
from tests.torture.ledger import CLOCK, Ledger

STEP = 0.05
"""Seconds between two looks at what is to be enqueued."""

KEYS = 10
"""Unique keys that are used."""


class Mix(Struct, frozen=True, kw_only=True):
    """What jobs are like.

    Attributes:
        rate: Jobs a second.
        seconds: How long they take; each is as likely as the others.
        failing: The share of those that fail, some of them for good.
        delayed: The share of those that are due later.
        unique: The share of those that have one of a few keys.
        cancelled: The share of those that are taken back a moment later.
        poisonous: The share of those that take their worker down.
        strange: The share of those that end as nobody should.
        stubborn: The share of those that do not let themselves be cancelled.
        blocking: The share of those that block the event loop.
        blocked: For how many seconds.
        ballast: Bytes that each brings along.
        oversized: The share of those that are larger than allowed.
        burst: Jobs that are all due at the same moment, in the middle of the run.
    """

    rate: float = 40.0
    seconds: tuple[float, ...] = (0.0, 0.0, 0.02, 0.2, 1.0)
    failing: float = 0.15
    delayed: float = 0.1
    unique: float = 0.1
    cancelled: float = 0.05
    poisonous: float = 0.0
    strange: float = 0.0
    stubborn: float = 0.0
    blocking: float = 0.0
    blocked: float = 0.0
    ballast: int = 0
    oversized: float = 0.0
    burst: int = 0


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

    async def run(self, duration: float) -> None:
        """Enqueue at the rate of the mix for so many seconds."""
        now = asyncio.get_running_loop().time
        began, count = now(), 0
        async with asyncio.TaskGroup() as group:
            due_at = self._ledger.now() + duration / 2
            for _ in range(self._mix.burst):
                group.create_task(self._burst(due_at))
            while now() < began + duration:
                due = int((now() - began) * self._mix.rate) - count
                for _ in range(due):
                    group.create_task(self._enqueue())
                count += due
                await CLOCK.sleep(STEP)

    async def _burst(self, due_at: float) -> None:
        await self._insist(self._tasks.work, (0.0, 0), due_at=due_at)

    async def _enqueue(self) -> None:
        mix, chance = self._mix, self._random
        task, args = self._choose()
        due_at, unique = 0.0, ""
        if chance.random() < mix.delayed:
            due_at = self._ledger.now() + chance.uniform(0.3, 2.0)
        if chance.random() < mix.unique:
            unique = f"key-{chance.randrange(KEYS)}"
        cancelled_after = chance.uniform(0.0, 1.5) if chance.random() < mix.cancelled else None
        job = await self._insist(task, args, due_at=due_at, unique=unique)
        if job and cancelled_after is not None:
            await CLOCK.sleep(cancelled_after)
            await self._cancel(job)

    def _choose(self) -> tuple[Any, tuple[Any, ...]]:
        """Return a task and its arguments."""
        mix, chance, tasks = self._mix, self._random, self._tasks
        which = chance.random()
        for share, task, args in (
            (mix.poisonous, tasks.poison, (chance.choice([*DEATHS]),)),
            (mix.strange, tasks.strange, (chance.choice([*ZOO]),)),
            (mix.stubborn, tasks.stubborn, (chance.uniform(1, 8),)),
            (mix.blocking, tasks.block, (mix.blocked,)),
        ):
            which -= share
            if which < 0:
                return task, args
        failures = chance.randint(1, 5) if chance.random() < mix.failing else 0
        ballast = 2 << 20 if chance.random() < mix.oversized else mix.ballast
        return tasks.work, (chance.choice(mix.seconds), failures, bytes(ballast))

    async def _insist(
        self, task: Any, args: tuple[Any, ...], *, due_at: float, unique: str = ""
    ) -> str | None:
        """Enqueue a job until it is known what became of it. Return its id if it was taken."""
        job_id = new_id()
        self.jobs.append(job_id)
        self._ledger.note("try", job=job_id, task=task.name, due=due_at, unique=unique)
        while True:
            delay = max(0.0, due_at - self._ledger.now()) if due_at else 0.0
            key = {"unique": unique} if unique else {}
            call = task.options(job_id=job_id, delay=delay, **key).call(*args)
            try:
                [handle] = await self._queue.enqueue_many([call])
            except Rejected:
                self._ledger.note("refused", job=job_id)
                return None
            except BrokerError:
                self._ledger.note("unknown", job=job_id)
                await CLOCK.sleep(STEP)
                continue
            if handle.id != job_id:
                self._ledger.note("duplicate", job=job_id)
                return None
            self._ledger.note("accepted", job=job_id)
            return job_id

    async def claim_keys(self) -> list[str]:
        """Enqueue a job with each key, and return which of them are still held by another one."""
        keys = [f"key-{number}" for number in range(KEYS)]
        args = (0.0, 0)
        jobs = [await self._insist(self._tasks.work, args, due_at=0.0, unique=key) for key in keys]
        return [f"{key} is held" for key, job in zip(keys, jobs, strict=True) if job is None]

    async def _cancel(self, job: str) -> None:
        self._ledger.note("cancelling", job=job)
        try:
            counts = await self._queue.job(job).cancel()
        except BrokerError:
            return
        self._ledger.note("cancelled", job=job, counts=counts)
