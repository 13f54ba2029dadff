"""What becomes of jobs when the server is full, or still loads what it kept."""

from __future__ import annotations

import asyncio

import pytest

from brokers.redis.tests.conftest import Start
from headrace.errors import Overloaded, Unavailable
from tests.asking import insisted
from tests.ledger import Ledger
from tests.live import Held, Make, Working


async def test_a_full_server_takes_no_jobs_but_outcomes(
    start: Start, make: Make, ledger: Ledger, working: Working
) -> None:
    server = start()
    queue = make(server.url, lease=2.0)
    held = Held(queue, ledger)

    @queue.task
    async def fails_once(number: int) -> int:
        if ledger.start(number) == 1:
            await held.go_on.wait()
            raise ValueError(number)
        return number

    async with queue, working(queue):
        succeeds = await queue.enqueue("held", 1)
        fails = await queue.enqueue(fails_once, 2)
        await ledger.until(lambda: len(ledger.started) == 2)
        with server.client() as client:
            client.config_set("maxmemory", "1")
            with pytest.raises(Overloaded):
                await queue.enqueue("work", 3)
            assert (ledger.started[1], ledger.started[2]) == (1, 1)
            held.go_on.set()
            assert await succeeds.result(5) == 1
            while (stats := await queue.stats()).running:
                pass
            assert stats.delayed == 1
            client.config_set("maxmemory", "0")
        assert await fails.result(10) == 2
        assert await (await queue.enqueue("work", 3)).result(10) == 3


async def test_a_server_that_still_loads_is_unavailable(start: Start, make: Make) -> None:
    server = start(
        **{"enable-debug-command": "yes", "loading-process-events-interval-bytes": "1024"}
    )
    async with make(server.url) as queue:
        with server.client() as client:
            client.execute_command("DEBUG", "POPULATE", "200", "filler", "1000")
            client.config_set("key-load-delay", "10000")
            reloading = asyncio.create_task(
                asyncio.to_thread(client.execute_command, "DEBUG", "RELOAD")
            )
            while not reloading.done():
                try:
                    await queue.stats()
                except Unavailable as error:
                    assert "oading" in str(error)
                    break
            else:
                raise AssertionError("it never said that it loads")
            await reloading
        await insisted(queue)
