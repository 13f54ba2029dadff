"""Bytes that somebody puts where a queue lies: good jobs go on being served, and nobody dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from headrace import JobState, Queue
from headrace.letter import DeadLetter
from tests.faults.site import Site
from tests.hostile import CORPUS
from tests.ledger import Ledger
from tests.live import Make, Working

pytestmark = pytest.mark.anyio

GOOD = 20


@pytest.fixture
async def queue(site: Site, make: Make) -> AsyncIterator[Queue]:
    async with make(site.url, lease=30.0, unknown_ttl=0.0) as opened:
        yield opened


async def letters(queue: Queue) -> dict[str, DeadLetter]:
    return {letter.id: letter async for letter in queue.dead_letters()}


async def wave(queue: Queue, first: int) -> None:
    """Enqueue good jobs, and see that they come back."""
    jobs = [await queue.enqueue("work", first + number) for number in range(GOOD)]
    async with asyncio.timeout(20):
        results = await asyncio.gather(*(job.result() for job in jobs))
    assert results == list(range(first, first + GOOD))


async def idle(queue: Queue) -> bool:
    stats = await queue.stats()
    return sum(stats.ready) + stats.running == 0


@pytest.mark.parametrize("data", CORPUS.values(), ids=CORPUS.keys())
async def test_good_jobs_are_served_whatever_lies_among_them(
    site: Site, queue: Queue, ledger: Ledger, working: Working, data: bytes
) -> None:
    await site.plant(queue, data)
    async with working(queue, concurrency=4):
        waiting = asyncio.create_task(queue.job("over").info())
        await wave(queue, 0)
        await site.plant(queue, data)
        await wave(queue, 100)
        async with asyncio.timeout(20):
            while not await idle(queue):
                pass
        await waiting
    assert all(ledger.started[number] == 1 for number in range(2, GOOD))
    found = await letters(queue)
    assert all(isinstance(letter.body, bytes) for letter in found.values())
    assert any(name.startswith("unnamed-") for name in found)
    if "planted" in found:
        assert found["planted"].body == data
    else:
        assert await queue.job("planted").status() in (JobState.SUCCEEDED, JobState.CANCELLED)
    await queue.requeue(*found)
    await queue.purge()
    await queue.purge(dead=True)
    assert await letters(queue) == {}
