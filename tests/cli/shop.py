"""An app as an operator meets it: a queue with all kinds of jobs, on a broker with a URL."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from headrace import JobFailed, MemoryBroker, Queue, Unavailable, Worker
from headrace.broker import Broker
from headrace.job import JobInfo
from headrace.options import Priority
from headrace.retry import RetryPolicy
from headrace.testing import FaultyBroker

EVIL = "no \x1b[2Jmoney\nERROR forged \u202e \x9b1m"
"""Text that would speak to the terminal."""

URL = "shop://clerk:hunter2@host"


class Away(MemoryBroker):
    """Nobody answers."""

    async def open(self) -> None:
        message = "away://***@host: connection refused"
        raise Unavailable(message)


class Served(MemoryBroker):
    """Whoever waits for a job has a worker run it."""

    async def lookup(
        self, queue: str, ids: Sequence[str], *, wait: float = 0.0
    ) -> list[JobInfo | None]:
        if not wait:
            return await super().lookup(queue, ids)
        worker = Worker(shop)
        running = asyncio.create_task(worker.run(signals=False))
        try:
            return await super().lookup(queue, ids, wait=wait)
        finally:
            worker.stop()
            await running


def make() -> Queue:
    """Make the queue, on a broker of its own that can fail."""
    queue = Queue(FaultyBroker(Served()), name="orders", lanes=2, lease=20, result_ttl=60)

    @queue.task
    async def ship(order: int, *, express: bool = False) -> str:
        return f"shipped {order}{' at once' if express else ''} for 5 €"

    @queue.task(retry=RetryPolicy(attempts=2, base=0))
    async def bill(customer: str, **lines: Any) -> None:
        raise ValueError(EVIL)

    return queue


shop = make()


def connect(url: str) -> Broker:
    """Return the broker of `shop://…`: an entry point names it."""
    return shop.broker


def disconnect(url: str) -> Broker:
    """Return the broker of `away://…`."""
    return Away()


async def deal(queue: Queue) -> None:
    """Let two bills fail, and leave two orders, one for later, and one that is in a hurry."""
    ship, bill = queue.tasks["ship"], queue.tasks["bill"]
    async with queue:
        worker = Worker(queue)
        running = asyncio.create_task(worker.run(signals=False))
        for number, customer in enumerate(["Ann", EVIL]):
            named = bill.options(job_id=f"bill-{number}", unique=customer, headers={"by": EVIL})
            with suppress(JobFailed):
                await (await queue.enqueue(named, customer, tea=2)).result()
        worker.stop()
        await running
        await queue.enqueue(ship.options(priority=Priority.HIGH), 1, express=True)
        await queue.enqueue_many(ship.options(priority=1).call(order) for order in (2, 3))
        await queue.enqueue(ship.options(delay=3600), 4)


def __getattr__(name: str) -> Queue:
    """Fill the shop when a process asks for `busy`; in `idle` nobody works."""
    if name == "busy":
        asyncio.run(deal(shop))
        return shop
    if name == "idle":
        return Queue(MemoryBroker())
    raise AttributeError(name)
