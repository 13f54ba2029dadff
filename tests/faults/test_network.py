"""What becomes of jobs when the way to the server fails: nothing is lost, nothing counts twice."""

from __future__ import annotations

import asyncio
import random
from itertools import count
from typing import Any

import pytest

from headrace import JobHandle, JobState, Queue
from headrace.broker import Capability
from headrace.errors import BrokerError, JobFailed, OutcomeUnknown, Unavailable
from headrace.ids import new_id
from headrace.job import Lease
from headrace.outcome import Dead, Done, Release
from tests.asking import insisted, result_of, settled
from tests.faults.site import Site
from tests.ledger import Ledger
from tests.live import Make, Working
from tests.proxy import Proxy

LEASE = 30.0
"""Longer than a test: what comes back sooner did not wait for it."""


async def warm(queue: Queue) -> int:
    """Have the server know what a producer sends, and return how many seem to be ready then."""
    await (await queue.enqueue("work", -1)).cancel()
    left = (await queue.stats()).ready[1]
    assert not left or Capability.EXACT_CANCEL not in queue.broker.capabilities
    return left


async def test_a_job_whose_reply_was_swallowed_is_stored_once(
    site: Site, proxy: Proxy, make: Make
) -> None:
    async with make(proxy.url) as queue:
        left = await warm(queue)
        sign = site.sign("enqueue")
        lost = proxy.swallow(request=sign.request, reply=sign.reply)
        handle = await queue.enqueue("work", 1)
        assert lost.is_set()
        assert not handle.duplicate
        assert (await queue.stats()).ready == (0, left + 1, 0)


async def test_enqueue_through_a_black_hole_succeeds_when_it_heals(
    site: Site, proxy: Proxy, make: Make
) -> None:
    async with make(f"{proxy.url}?timeout=0.3") as queue:
        left = await warm(queue)
        proxy.black_hole(down=False)
        sending = asyncio.create_task(queue.enqueue("work", 1))
        seen = proxy.accepted
        if site.connects_again:
            while proxy.accepted < seen + 2:
                await asyncio.sleep(0)
        else:
            await asyncio.wait([sending], timeout=1.0)
        assert not sending.done()
        proxy.heal()
        await sending
        assert (await queue.stats()).ready == (0, left + 1, 0)


@pytest.mark.parametrize(("up", "down"), [(True, True), (False, True)])
async def test_enqueue_through_a_black_hole_fails_in_time(
    proxy: Proxy, make: Make, up: bool, down: bool
) -> None:
    async with make(f"{proxy.url}?timeout=0.5") as queue:
        await warm(queue)
        proxy.black_hole(up=up, down=down)
        async with asyncio.timeout(13):
            with pytest.raises((OutcomeUnknown, Unavailable)):
                await queue.enqueue("work", 1)
        proxy.heal()


async def test_refused_connections_are_unavailable_and_survived(
    proxy: Proxy, make: Make, ledger: Ledger, working: Working
) -> None:
    queue = make(proxy.url)
    async with queue, working(queue):
        await queue.enqueue("work", 1)
        await ledger.until(lambda: ledger.ended[1] == 1)
        proxy.refusing = True
        proxy.cut()
        with pytest.raises((OutcomeUnknown, Unavailable)):
            await queue.stats()
        proxy.refusing = False
        await queue.enqueue("work", 2)
        await ledger.until(lambda: ledger.ended[2] == 1)


# leases


async def test_jobs_of_a_swallowed_claim_come_again(site: Site, proxy: Proxy, make: Make) -> None:
    async with (
        make(proxy.url, lease=site.lost_claim) as far,
        make(site.url, lease=site.lost_claim) as near,
    ):
        assert await far.broker.claim(far.name, "w", 10, 0.0) == []
        handles = await near.enqueue_many(near.remote("work").call(n) for n in range(5))
        lost = proxy.swallow(request=site.sign("claim").request, reply=handles[0].id.encode())
        leases: list[Lease] = []
        async with asyncio.timeout(20):
            while len(leases) < 5:
                try:
                    leases += await far.broker.claim(far.name, "w", 10, site.patience)
                except OutcomeUnknown:
                    continue
        assert lost.is_set()
        assert sorted(lease.id for lease in leases) == sorted(handle.id for handle in handles)
        assert await far.broker.claim(far.name, "w", 10, 0.0) == []


@pytest.mark.parametrize("way", ["claim", "wait"])
async def test_a_worker_runs_what_a_lost_reply_gave_it(
    site: Site, proxy: Proxy, make: Make, ledger: Ledger, working: Working, way: str
) -> None:
    sign = site.sign(way)
    near, far = (make(url, lease=site.lost_claim) for url in (site.url, proxy.url))
    async with near, working(far, concurrency=5):
        lost = proxy.swallow(request=sign.request, reply=b"the-job")
        numbers = count()
        while not lost.is_set():  # a read or a claim takes it, by chance
            n = next(numbers)
            job = near.remote("work").options(job_id=f"the-job-{n}")
            handles = [await near.enqueue(job, n)]
            if way == "claim":
                more = near.remote("work")
                many = (more.options(job_id=f"the-job-{n}-{k}").call(-1) for k in range(20))
                handles += await near.enqueue_many(many)
            for handle in handles:
                await result_of(handle)
            assert ledger.ended[n] == 1


@pytest.mark.parametrize("failures", [0, 1, 9])
async def test_an_outcome_whose_reply_was_swallowed_counts_once(
    site: Site, proxy: Proxy, make: Make, ledger: Ledger, working: Working, failures: int
) -> None:
    sign = site.sign("settle")
    near, far = (make(url, lease=LEASE) for url in (site.url, proxy.url))
    async with near, working(far):
        await result_of(await near.enqueue("work", 0))
        lost = proxy.swallow(request=sign.request, reply=sign.reply)
        handle = await near.enqueue("work", 1, failures)
        if failures == 9:
            with pytest.raises(JobFailed):
                await result_of(handle)
        else:
            assert await result_of(handle) == 1
        assert lost.is_set()
        assert ledger.started[1] == min(failures + 1, 5)
        if not site.counts_at_once:
            await settled(near)
        stats = await near.stats()
        assert (stats.ready, stats.delayed, stats.running) == ((0, 0, 0), 0, 0)
        assert stats.dead == (failures == 9)


# load


@pytest.mark.parametrize("seed", range(3))
async def test_connections_that_are_cut_anywhere_lose_nothing(
    proxy: Proxy, make: Make, ledger: Ledger, working: Working, seed: int
) -> None:
    chance = random.Random(seed)
    jobs = 300
    queue = make(proxy.url, lease=2.0, max_deliveries=20)
    async with queue, working(queue, concurrency=20):
        proxy.cut_after(chance.randint(1, 15_000) for _ in range(25))
        handles = await sent(queue, [(n, n % 7 % 3) for n in range(jobs)])
        assert len({handle.id for handle in handles}) == jobs
        assert [await result_of(handle) for handle in handles] == list(range(jobs))
        assert set(ledger.ended) == set(range(jobs))
        await settled(queue)
        assert {await status_of(handle) for handle in handles} == {JobState.SUCCEEDED}
        proxy.cut_after([])
        assert await result_of(await queue.enqueue("work", jobs)) == jobs
    assert proxy.accepted < 800


async def sent(queue: Queue, jobs: list[tuple[int, int]]) -> list[Any]:
    """Enqueue, again under the same id if that fails for good."""

    async def send(number: int, failures: int) -> Any:
        task = queue.remote("work").options(job_id=new_id())
        while True:
            try:
                return await queue.enqueue(task, number, failures)
            except BrokerError:
                continue

    return await asyncio.gather(*(send(*job) for job in jobs))


async def status_of(handle: JobHandle[Any]) -> JobState:
    while True:
        try:
            return await handle.status()
        except BrokerError:
            continue


# black holes


class Slow:
    """A task that goes on until it is told, and notes how it ended."""

    def __init__(self, queue: Queue) -> None:
        self.cancelled, self.started, self.go_on = asyncio.Event(), asyncio.Event(), asyncio.Event()

        @queue.task(retry=None)
        async def slow() -> str:
            self.started.set()
            try:
                await self.go_on.wait()
            except asyncio.CancelledError:
                self.cancelled.set()
                raise
            return queue.url or ""


async def test_a_worker_that_is_cut_off_stops_and_another_takes_over(
    site: Site, proxy: Proxy, make: Make, working: Working
) -> None:
    far = make(f"{proxy.url}?timeout=0.5", lease=1.5)
    near = make(site.url, lease=1.5)
    there, here = Slow(far), Slow(near)
    async with near, working(far) as cut_off:
        handle = await near.enqueue("slow")
        await there.started.wait()
        proxy.black_hole()
        async with asyncio.timeout(10):
            await there.cancelled.wait()
        async with working(near) as other:
            async with asyncio.timeout(10):
                await here.started.wait()
            proxy.heal()
            async with asyncio.timeout(15):
                while not cut_off.ready:
                    await asyncio.sleep(0)
            here.go_on.set()
            there.go_on.set()
            assert await handle.result(10) == near.url
        assert other.tally.succeeded == 1
    assert cut_off.tally.succeeded == 0
    assert cut_off.tally.lost == 1


async def test_an_outcome_that_comes_after_a_black_hole_is_not_recorded(
    site: Site, proxy: Proxy, make: Make
) -> None:
    async with (
        make(f"{proxy.url}?timeout=0.5", lease=1.0) as far,
        make(site.url, lease=1.0) as near,
    ):
        handle = await near.enqueue("work", 1)
        [old] = await far.broker.claim(far.name, "far", 1, 1.0)
        proxy.black_hole()
        settling = [
            asyncio.create_task(far.broker.settle([outcome]))
            for outcome in (Dead(old, "late", b"", 0), Release(old))
        ]
        await asyncio.wait(settling)
        assert [type(task.exception()) for task in settling] == site.cut_settlements
        [new] = await near.broker.claim(near.name, "near", 1, 10.0)
        assert new.id == old.id
        proxy.heal()
        if not site.connects_again:
            await insisted(far)
        assert await far.broker.settle([Release(old)]) == [False]
        assert await near.broker.settle([Done(new, b"\x01", 60.0)]) == [True]
        assert await far.broker.settle([Done(old, b"\x02", 60.0)]) == [False]
        info = await handle.info()
        assert info is not None
        assert (info.state, info.result) == (JobState.SUCCEEDED, b"\x01")
