"""What redis-py alone can do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any, TypeAlias, cast

from redis.asyncio import Redis

from headrace.bench.record import Variant

KEY = "headrace-bench-floor"
GROUP = "w"
BODY = b"x" * 60
BATCH = 500

ADD = "for i = 1, #ARGV do redis.call('XADD', KEYS[1], '*', 'b', ARGV[i]) end"

ACKNOWLEDGE = """
redis.call('XACK', KEYS[1], 'w', unpack(ARGV))
redis.call('XDEL', KEYS[1], unpack(ARGV))
"""

ACKNOWLEDGE_AND_KEEP = f"""{ACKNOWLEDGE}
for i = 1, #ARGV do redis.call('SET', KEYS[1] .. ARGV[i], '1', 'EX', 600) end
"""

Run: TypeAlias = Callable[[Any, Variant], Awaitable[float]]


class RedisFloor:
    """Adds and reads entries of a stream of its own, without ids, retries, leases or delays.

    Args:
        url: The server's.
        jobs: How many at most.
    """

    def __init__(self, url: str, jobs: int = 100_000) -> None:
        self._url = url
        self._jobs = jobs

    async def throughput(self, workload: str, variant: Variant) -> float | None:
        """Return the entries a second that the driver adds, or reads and acknowledges."""
        runs: dict[str, Run] = {"enqueue": self._enqueue, "drain": self._drain}
        if workload not in runs:
            return None
        async with cast("Any", Redis).from_url(self._url, protocol=2) as client:
            try:
                return await runs[workload](client, variant)
            finally:
                await client.delete(KEY)
                async for key in client.scan_iter(match=f"{KEY}*", count=1_000):
                    await client.unlink(key)

    async def _enqueue(self, client: Any, variant: Variant) -> float:
        """Add one by one, or by a script that adds 500."""
        if variant["way"] != "sequential":
            return self._jobs / await _fill(client, self._jobs)
        jobs = min(self._jobs, 4_000)
        began = perf_counter()
        for _ in range(jobs):
            await client.execute_command("XADD", KEY, "*", "b", BODY)
        return jobs / (perf_counter() - began)

    async def _drain(self, client: Any, variant: Variant) -> float:
        """Read in batches, run a task for each under a semaphore, acknowledge in batches."""
        concurrency = int(variant["concurrency"])
        jobs = min(self._jobs, 5_000 * concurrency)
        await _fill(client, jobs)
        await client.xgroup_create(KEY, GROUP, id="0")
        settle = client.register_script(
            ACKNOWLEDGE_AND_KEEP if variant["results"] == "on" else ACKNOWLEDGE
        )
        slots = asyncio.Semaphore(concurrency)

        async def work() -> None:
            slots.release()

        began = perf_counter()
        while reply := await client.xreadgroup(GROUP, "c", {KEY: ">"}, count=min(concurrency, 100)):
            entries = reply[0][1]
            tasks: list[asyncio.Task[None]] = []
            for _ in entries:
                await slots.acquire()
                tasks.append(asyncio.create_task(work()))
            await asyncio.wait(tasks)
            await settle(keys=[KEY], args=[number for number, _ in entries])
        return jobs / (perf_counter() - began)


async def _fill(client: Any, jobs: int) -> float:
    """Add so many entries, and return the seconds that it took."""
    add = client.register_script(ADD)
    began = perf_counter()
    for start in range(0, jobs, BATCH):
        await add(keys=[KEY], args=[BODY] * min(BATCH, jobs - start))
    return perf_counter() - began
