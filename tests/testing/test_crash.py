"""A worker in a harness dies as by SIGKILL: what it ran stands still, and its jobs come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from anyio import from_thread

from headrace import CallNext, CurrentJob, JobFailed, JobState, current_job
from headrace.testing import Harness


class Bank:
    """What a task calls. It lets the worker die in the middle of the first so many payments."""

    def __init__(self, harness: Harness, deaths: int = 1) -> None:
        self.deaths = deaths
        self.paid: list[int] = []
        self.log: list[str] = []
        self._harness = harness

    async def pay(self) -> None:
        self.paid.append(current_job().deliveries)
        if len(self.paid) <= self.deaths:
            await self._harness.crash()
            self.log.append("after its death")

    @asynccontextmanager
    async def session(self) -> AsyncGenerator[None]:
        self.log.append("begin")
        try:
            yield
        finally:
            self.log.append("end")


async def test_a_job_comes_back_when_its_lease_ends(headrace_queue: Harness) -> None:
    bank = Bank(headrace_queue)

    @headrace_queue.task
    async def charge() -> int:
        async with bank.session():
            await bank.pay()
        return current_job().deliveries

    job = await headrace_queue.enqueue(charge)
    assert await headrace_queue.drain() == 0
    assert await job.status() is JobState.RUNNING
    assert await headrace_queue.advance(29) == 0
    assert (bank.paid, bank.log) == ([1], ["begin"])
    assert await headrace_queue.advance(6) == 1
    assert await job.result() == 2
    assert (bank.paid, bank.log) == ([1, 2], ["begin", "begin", "end"])
    await headrace_queue.stop()
    assert bank.log == ["begin", "begin", "end", "end"]


async def test_a_job_that_kills_its_workers_is_buried(headrace_queue: Harness) -> None:
    bank = Bank(headrace_queue, deaths=99)

    @headrace_queue.task
    async def poison() -> None:
        await bank.pay()

    job = await headrace_queue.enqueue(poison)
    await headrace_queue.drain(delayed=True)
    assert bank.paid == [1, 2, 3]
    with pytest.raises(JobFailed, match="delivered 3 times without any outcome"):
        await job.result()
    [letter] = [letter async for letter in headrace_queue.dead_letters()]
    assert (letter.id, letter.attempt) == (job.id, 0)


async def test_the_lease_is_that_of_the_queue() -> None:
    from headrace import Queue

    async with Harness(Queue("memory://", lease=5)) as queue:
        bank = Bank(queue)

        @queue.task
        async def charge() -> None:
            await bank.pay()

        await queue.enqueue(charge)
        await queue.advance(4)
        assert bank.paid == [1]
        await queue.advance(2)
        assert bank.paid == [1, 2]


async def test_only_jobs_that_it_held_are_put_back(headrace_queue: Harness) -> None:
    held: list[int] = []

    @headrace_queue.task
    async def hold(number: int) -> None:
        held.append(number)
        await headrace_queue.clock.sleep(10)

    await headrace_queue.enqueue(hold, 1)
    await headrace_queue.drain()
    await headrace_queue.crash()
    await headrace_queue.enqueue(hold, 2)
    assert await headrace_queue.advance(10) == 1
    assert held == [1, 2]
    assert await headrace_queue.drain(delayed=True) == 1
    assert held == [1, 2, 1]


async def test_the_dead_do_nothing_more(headrace_queue: Harness) -> None:
    """Not when what they waited for comes, not when they are cancelled, and no timer of theirs."""
    begun, gate, log = asyncio.Event(), asyncio.Event(), list[str]()

    @headrace_queue.task(timeout=20)
    async def wait() -> None:
        try:
            begun.set()
            await gate.wait()
        finally:
            log.append("woken")

    @headrace_queue.middleware
    async def logged(job: CurrentJob, call_next: CallNext) -> Any:
        await call_next(job)
        log.append("returned")

    async with headrace_queue.working():
        job = await headrace_queue.enqueue(wait)
        await begun.wait()
        await headrace_queue.crash()
    gate.set()
    await job.cancel()
    await headrace_queue.advance(25)
    assert log == []
    assert await job.status() is JobState.RUNNING
    await headrace_queue.advance(10)
    assert await job.status() is JobState.CANCELLED
    assert log == []
    await headrace_queue.stop()
    assert log == ["woken"]


async def test_what_was_claimed_and_not_begun_comes_back() -> None:
    async with Harness(concurrency=1) as queue:
        bank = Bank(queue)

        @queue.task
        async def charge() -> None:
            await bank.pay()

        await queue.enqueue_many(charge.call() for _ in range(3))
        assert await queue.drain() == 2
        assert await queue.drain(delayed=True) == 1
        assert bank.paid == [1, 1, 1, 2]


async def test_a_worker_dies_from_within_a_thread(headrace_queue: Harness) -> None:
    deliveries: list[int] = []

    @headrace_queue.task
    def work() -> int:
        deliveries.append(current_job().deliveries)
        if len(deliveries) == 1:
            from_thread.run(headrace_queue.crash)
        return current_job().deliveries

    job = await headrace_queue.enqueue(work)
    assert await headrace_queue.drain(delayed=True) == 1
    assert await job.result() == 2


async def test_to_crash_before_anything_ran_changes_nothing(headrace_queue: Harness) -> None:
    @headrace_queue.task
    async def work() -> int:
        return current_job().deliveries

    job = await headrace_queue.enqueue(work)
    await headrace_queue.crash()
    assert await headrace_queue.drain() == 1
    await headrace_queue.crash()
    assert await job.result() == 1


async def test_a_schedule_outlives_its_worker(headrace_queue: Harness) -> None:
    fired: list[float] = []

    @headrace_queue.every(60)
    async def tick() -> None:
        fired.append(headrace_queue.clock.time())
        if len(fired) == 2:
            await headrace_queue.crash()

    await headrace_queue.advance(600)
    assert len(fired) == 11
    assert {round(moment) % 60 for moment in fired} <= {0, 30}


async def test_the_end_does_not_wait_for_the_deaf() -> None:
    queue = Harness(patience=0.05)
    woken = 0
    async with queue:

        @queue.task
        async def deaf() -> None:
            nonlocal woken
            while woken < 3:
                try:
                    await queue.clock.sleep(1000)
                except asyncio.CancelledError:
                    woken += 1

        await queue.enqueue(deaf)
        await queue.drain()
    assert woken == 1
    while True:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        jobs = [task for task in tasks if len(task.get_name()) == 32]
        if not jobs:
            break
        for task in jobs:
            task.cancel()
        await asyncio.wait(jobs, timeout=0)
