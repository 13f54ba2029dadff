"""A failover: the primary is killed, its replica is promoted, and the worker goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from brokers.redis.tests.conftest import Start
from headrace import BrokerError, Queue, Worker
from tests.servers import SentinelServer


@pytest.mark.anyio
async def test_a_worker_goes_on_behind_a_failover(start: Start, tmp_path: Path) -> None:
    primary = start()
    replica = start(replicaof=f"127.0.0.1 {primary.port}", **{"repl-diskless-sync-delay": "0"})
    with primary.client() as client:
        while client.info("replication").get("slave0", {}).get("state") != "online":
            await asyncio.sleep(0)
    sentinel = SentinelServer(primary.binary, tmp_path / "sentinel", primary).start()
    try:
        with sentinel.client() as client:
            while not client.execute_command("SENTINEL", "REPLICAS", "main"):
                await asyncio.sleep(0)
        queue = Queue(f"{sentinel.url}?timeout=2", lease=5.0)

        @queue.task
        async def double(number: int) -> int:
            return 2 * number

        async with queue:
            worker = Worker(queue)
            running = asyncio.create_task(worker.run(signals=False))
            assert await (await queue.enqueue(double, 1)).result(timeout=20) == 2
            await queue.pause()
            kept = await queue.enqueue(double, 2)
            with primary.client() as client:
                # A wait for replicas covers what its own connection wrote: so it writes something.
                client.set("mark", "1")
                assert client.wait(1, 5000) == 1
            primary.kill()
            with replica.client() as client:
                while client.info("replication")["role"] != "master":
                    await asyncio.sleep(0)
            while not await resumed(queue):
                await asyncio.sleep(0)
            assert await kept.result(timeout=40) == 4
            assert await (await queue.enqueue(double, 3)).result(timeout=20) == 6
            worker.stop()
            await running
    finally:
        sentinel.stop()


async def resumed(queue: Queue) -> bool:
    """Tell whether the queue goes on: the new primary may not be known yet."""
    try:
        await queue.resume()
    except BrokerError:
        return False
    return True
