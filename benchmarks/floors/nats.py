"""What nats-py alone can do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import perf_counter
from typing import Any, TypeAlias, cast

import nats
from nats.js.errors import NotFoundError

from headrace.bench.record import Variant

NAME = "headrace-bench-floor"
BODY = b"x" * 60
PULL = 1_000
"""Messages asked for at a time. Half of them are missing when the next are asked for."""

Run: TypeAlias = Callable[[Any, Variant], Awaitable[float | None]]


class NatsFloor:
    """Publishes to a stream of its own and reads it by a callback, which is the driver's fastest.

    Args:
        url: The server's.
        jobs: How many at most.
    """

    def __init__(self, url: str, jobs: int = 100_000) -> None:
        self._url = url
        self._jobs = jobs

    async def throughput(self, workload: str, variant: Variant) -> float | None:
        """Return the messages a second that the driver publishes, or reads and acknowledges.

        There is no floor for jobs whose results are kept.
        """
        runs: dict[str, Run] = {"enqueue": self._enqueue, "drain": self._drain}
        if workload not in runs or variant.get("results") == "on":
            return None
        client = await cast("Any", nats).connect(self._url)
        try:
            stream = client.jetstream()
            with suppress(NotFoundError):
                await stream.delete_stream(NAME)
            await stream.add_stream(name=NAME, subjects=[NAME], retention="workqueue")
            try:
                return await runs[workload](client, variant)
            finally:
                await stream.delete_stream(NAME)
        finally:
            await client.close()

    async def _enqueue(self, client: Any, variant: Variant) -> float:
        """Publish one by one, or without waiting for each answer."""
        if variant["way"] != "sequential":
            return self._jobs / await _fill(client, self._jobs)
        jobs = min(self._jobs, 4_000)
        stream = client.jetstream()
        began = perf_counter()
        for _ in range(jobs):
            await stream.publish(NAME, BODY)
        return jobs / (perf_counter() - began)

    async def _drain(self, client: Any, variant: Variant) -> float:
        """Ask for many at a time, run a task for each under a semaphore, acknowledge each."""
        concurrency = int(variant["concurrency"])
        jobs = min(self._jobs, 5_000 * concurrency)
        await _fill(client, jobs)
        await client.jetstream().add_consumer(NAME, durable_name=NAME, ack_policy="explicit")
        slots, over = asyncio.Semaphore(concurrency), asyncio.Event()
        inbox, missing, left = client.new_inbox(), 0, jobs
        running: set[asyncio.Task[None]] = set()

        async def ask() -> None:
            nonlocal missing
            missing += PULL
            wanted = json.dumps({"batch": PULL, "expires": 30_000_000_000}).encode()
            await client.publish(f"$JS.API.CONSUMER.MSG.NEXT.{NAME}.{NAME}", wanted, reply=inbox)

        async def work(reply: str) -> None:
            nonlocal left
            slots.release()
            await client.publish(reply, b"+ACK")
            left -= 1
            if not left:
                over.set()

        async def arrived(message: Any) -> None:
            nonlocal missing
            missing -= 1
            if missing < PULL // 2:
                await ask()
            await slots.acquire()
            task = asyncio.create_task(work(message.reply))
            running.add(task)
            task.add_done_callback(running.discard)

        subscription = await client.subscribe(inbox, cb=arrived)
        began = perf_counter()
        await ask()
        await over.wait()
        await client.flush()
        took = perf_counter() - began
        await subscription.unsubscribe()
        return jobs / took


async def _fill(client: Any, jobs: int) -> float:
    """Publish so many messages, and return the seconds until all were stored."""
    stream = client.jetstream()
    began = perf_counter()
    for _ in range(jobs):
        await stream.publish_async(NAME, BODY)
    await stream.publish_async_completed()
    return perf_counter() - began
