"""What a server takes in one piece."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from headrace import Queue, Worker
from headrace.ids import new_id
from tests.servers import REDIS_SERVERS, RedisServer

pytestmark = pytest.mark.anyio


async def test_results_that_are_too_much_for_one_piece_are_settled_in_several(
    tmp_path: Path,
) -> None:
    binary = REDIS_SERVERS["valkey-9.1"]()
    if binary is None:
        pytest.skip("there is no server here")
    server = RedisServer(binary, tmp_path, **{"proto-max-bulk-len": "2mb"}).start()
    queue = Queue(server.url, name=new_id())

    @queue.task
    async def report() -> bytes:
        return bytes(1_000_000)

    try:
        async with queue:
            jobs = await queue.enqueue_many(report.call() for _ in range(40))
            worker = Worker(queue)
            running = asyncio.create_task(worker.run(signals=False))
            results = await asyncio.gather(*(job.result(timeout=60) for job in jobs))
            assert [len(result) for result in results] == [1_000_000] * 40
            worker.stop()
            await running
    finally:
        server.stop()
