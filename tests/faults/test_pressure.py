"""Many at once: delayed jobs, jobs of one instant, cancelled claims."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from headrace import Retry, current_job
from headrace.clock import SystemClock
from headrace.job import Lease
from tests.faults.conftest import Start
from tests.faults.site import Site
from tests.ledger import Ledger
from tests.live import Make, Working

JOBS = 10_000
LEAD = 10.0
"""Seconds in which so many jobs can be scheduled."""
FRESH = 1.0
"""Seconds in which a fresh job is done, whatever else waits."""


@pytest.mark.bounds
@pytest.mark.timeout(300)
async def test_10_000_jobs_that_are_scheduled_for_one_instant_are_neither_early_nor_lost(
    start: Start, make: Make, working: Working
) -> None:
    clock, done, early = SystemClock(), Ledger(), list[int]()
    queue = make(start().url, result_ttl=60)
    instant = clock.time() + LEAD

    @queue.task
    async def punctual(number: int) -> None:
        if clock.time() < instant:
            early.append(number)
        done.end(number)

    async with queue, working(queue) as worker:
        later = punctual.options(at=datetime.fromtimestamp(instant, UTC))
        await queue.enqueue_many(later.call(number) for number in range(JOBS))
        assert clock.time() < instant, "they were not scheduled in time"
        assert (await queue.stats()).delayed == JOBS
        await done.until(lambda: len(done.ended) == JOBS, patience=LEAD + 60)
    assert early == []
    assert set(done.ended.values()) == {1}
    assert (worker.tally.succeeded, worker.tally.retried) == (JOBS, 0)


@pytest.mark.bounds
@pytest.mark.timeout(300)
async def test_10_000_retries_that_wait_do_not_hold_up_fresh_jobs(
    start: Start, make: Make, working: Working, ledger: Ledger
) -> None:
    queue, failed = make(start().url), Ledger()

    @queue.task
    async def fails(number: int) -> None:
        failed.start(number)
        assert current_job().attempt == 1
        raise Retry(after=3600)

    async with queue, working(queue) as worker:
        await queue.enqueue_many(fails.call(number) for number in range(JOBS))
        await failed.until(lambda: len(failed.started) == JOBS, patience=120)
        async with asyncio.timeout(60):
            while (await queue.stats()).delayed < JOBS:
                pass
        for number in range(20):
            assert await (await queue.enqueue("work", number)).result(FRESH) == number
        stats = await queue.stats()
        assert (sum(stats.ready), stats.delayed, stats.running) == (0, JOBS, 0)
    assert set(failed.started.values()) == {1}
    assert (worker.tally.retried, worker.tally.succeeded) == (JOBS, 20)


async def test_claims_that_are_cancelled_anywhere_keep_no_job(site: Site, make: Make) -> None:
    chance, rounds = random.Random(1), 100
    async with make(site.url, lease=600.0) as queue:
        broker, taken = queue.broker, list[Lease]()
        for n in range(rounds):
            claiming = asyncio.create_task(broker.claim(queue.name, "w", 3, 10.0))
            sending = asyncio.create_task(queue.enqueue("work", n))
            for _ in range(chance.randrange(40)):
                await asyncio.sleep(0)
            claiming.cancel()
            await sending
            with suppress(asyncio.CancelledError):
                taken += await claiming
        async with asyncio.timeout(20):
            while len({lease.id for lease in taken}) < rounds:
                taken += await broker.claim(queue.name, "w", 100, 1.0)
        assert len(taken) == rounds
