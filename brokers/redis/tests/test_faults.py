"""What becomes of jobs when the way to the server fails: nothing is lost, nothing counts twice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from itertools import count
from typing import Any, TypeAlias

import pytest
from redis import exceptions as driver

from headrace import JobHandle, JobState, Queue
from headrace.errors import BrokerError, JobFailed, OutcomeUnknown, Unavailable
from headrace.ids import new_id
from headrace.job import Lease
from headrace.outcome import Dead, Done, Release
from headrace_redis.doorbell import Doorbell
from headrace_redis.errors import translate
from headrace_redis.scripts import CLAIM, ENQUEUE, SETTLE, Script
from tests.asking import result_of, settled
from tests.ledger import Ledger
from tests.proxy import Proxy
from tests.servers import RedisServer

Working: TypeAlias = Any
LEASE = 30.0
"""Longer than a test: what comes back sooner did not wait for it."""


def digest(script: Script) -> bytes:
    return script.digest.encode()


async def warm(queue: Queue) -> None:
    """Have the server know the scripts of a producer."""
    await (await queue.enqueue("work", -1)).cancel()


async def test_a_job_whose_reply_was_swallowed_is_stored_once(
    proxy: Proxy, make: Callable[..., Queue]
) -> None:
    async with make(proxy.url) as queue:
        await warm(queue)
        lost = proxy.swallow(request=digest(ENQUEUE))
        handle = await queue.enqueue("work", 1)
        assert lost.is_set()
        assert not handle.duplicate
        assert (await queue.stats()).ready == (0, 1, 0)


async def test_enqueue_through_a_black_hole_succeeds_when_it_heals(
    proxy: Proxy, make: Callable[..., Queue]
) -> None:
    async with make(f"{proxy.url}?timeout=0.3") as queue:
        await warm(queue)
        proxy.black_hole(down=False)
        sending = asyncio.create_task(queue.enqueue("work", 1))
        seen = proxy.accepted
        while proxy.accepted < seen + 2:  # it tries again on new connections
            await asyncio.sleep(0)
        proxy.heal()
        await sending
        assert (await queue.stats()).ready == (0, 1, 0)


@pytest.mark.parametrize(("up", "down"), [(True, True), (False, True)])
async def test_enqueue_through_a_black_hole_fails_in_time(
    proxy: Proxy, make: Callable[..., Queue], up: bool, down: bool
) -> None:
    async with make(f"{proxy.url}?timeout=0.5") as queue:
        await warm(queue)
        proxy.black_hole(up=up, down=down)
        async with asyncio.timeout(13):
            with pytest.raises((OutcomeUnknown, Unavailable)):
                await queue.enqueue("work", 1)
        proxy.heal()


async def test_refused_connections_are_unavailable_and_survived(
    proxy: Proxy, make: Callable[..., Queue], ledger: Ledger, working: Working
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


async def test_jobs_of_a_swallowed_claim_are_adopted_by_the_next(
    proxy: Proxy, make: Callable[..., Queue]
) -> None:
    async with make(proxy.url) as queue:
        assert await queue.broker.claim(queue.name, "w", 10, 0.0) == []
        handles = await queue.enqueue_many(queue.remote("work").call(n) for n in range(5))
        lost = proxy.swallow(request=digest(CLAIM), reply=handles[0].id.encode())
        with pytest.raises(OutcomeUnknown):
            await queue.broker.claim(queue.name, "w", 10, 0.0)
        assert lost.is_set()
        leases = await queue.broker.claim(queue.name, "w", 10, 0.0)
        assert [lease.id for lease in leases] == [handle.id for handle in handles]
        assert {lease.deliveries for lease in leases} == {1}
        assert await queue.broker.claim(queue.name, "w", 10, 0.0) == []


async def test_a_job_of_a_blocking_read_that_is_cut_is_adopted(
    proxy: Proxy, make: Callable[..., Queue]
) -> None:
    async with make(proxy.url) as queue:
        lost = proxy.swallow(request=b"XREADGROUP", reply=b"the-job")
        claiming = asyncio.create_task(queue.broker.claim(queue.name, "w", 10, 60.0))
        await asyncio.sleep(0)
        await queue.enqueue(queue.remote("work").options(job_id="the-job"), 1)
        try:
            leases = await claiming
        except OutcomeUnknown:
            leases = await queue.broker.claim(queue.name, "w", 10, 0.0)
            assert lost.is_set()
        assert [lease.id for lease in leases] == ["the-job"]


@pytest.mark.parametrize("request_of", [digest(CLAIM), b"XREADGROUP"])
async def test_a_worker_runs_what_a_lost_reply_gave_it(
    proxy: Proxy,
    make: Callable[..., Queue],
    ledger: Ledger,
    working: Working,
    request_of: bytes,
) -> None:
    queue = make(proxy.url, lease=LEASE)
    async with queue, working(queue, concurrency=5):
        lost = proxy.swallow(request=request_of, reply=b"the-job")
        numbers = count()
        while not lost.is_set():  # a read or a claim takes it, by chance
            n = next(numbers)
            job = queue.remote("work").options(job_id=f"the-job-{n}")
            handles = [await queue.enqueue(job, n)]
            if request_of == digest(CLAIM):
                more = queue.remote("work")
                many = (more.options(job_id=f"the-job-{n}-{k}").call(-1) for k in range(20))
                handles += await queue.enqueue_many(many)
            for handle in handles:
                await result_of(handle)
            assert ledger.ended[n] == 1


async def test_an_adoption_whose_reply_is_swallowed_is_made_up_for(
    proxy: Proxy, make: Callable[..., Queue]
) -> None:
    async with make(proxy.url) as queue:
        assert await queue.broker.claim(queue.name, "w", 10, 0.0) == []
        handle = await queue.enqueue("work", 1)
        for _ in ("the claim", "the adoption"):
            lost = proxy.swallow(reply=handle.id.encode())
            with pytest.raises(OutcomeUnknown):
                await queue.broker.claim(queue.name, "w", 10, 0.0)
            assert lost.is_set()
        [lease] = await queue.broker.claim(queue.name, "w", 10, 0.0)
        assert lease.id == handle.id


async def test_an_adoption_takes_nothing_that_a_read_is_about_to_bring(
    proxy: Proxy, valkey: RedisServer, make: Callable[..., Queue]
) -> None:
    async with make(proxy.url) as far, make(valkey.url) as near:
        reading = asyncio.create_task(far.broker.claim(far.name, "w", 10, 10.0))
        with valkey.client() as client:
            while not client.info("clients")["blocked_clients"]:
                await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading])
        proxy.swallow(request=digest(CLAIM))
        with pytest.raises(OutcomeUnknown):
            await far.broker.claim(far.name, "w", 10, 0.0)
        proxy.latency = 0.2
        handle = await near.enqueue("work", 1)
        leases = await far.broker.claim(far.name, "w", 10, 0.0)
        leases += await far.broker.claim(far.name, "w", 10, 2.0)
        assert [lease.id for lease in leases] == [handle.id]
        assert await far.broker.settle([Done(leases[0], None, 60.0)]) == [True]


@pytest.mark.parametrize("failures", [0, 1, 9])
async def test_an_outcome_whose_reply_was_swallowed_counts_once(
    proxy: Proxy, make: Callable[..., Queue], ledger: Ledger, working: Working, failures: int
) -> None:
    queue = make(proxy.url, lease=LEASE)
    async with queue, working(queue):
        await result_of(await queue.enqueue("work", 0))
        lost = proxy.swallow(request=digest(SETTLE))
        handle = await queue.enqueue("work", 1, failures)
        if failures == 9:
            with pytest.raises(JobFailed):
                await result_of(handle)
        else:
            assert await result_of(handle) == 1
        assert lost.is_set()
        assert ledger.started[1] == min(failures + 1, 5)
        stats = await queue.stats()
        assert (stats.ready, stats.delayed, stats.running) == ((0, 0, 0), 0, 0)
        assert stats.dead == (failures == 9)


# load


@pytest.mark.parametrize("seed", range(3))
async def test_connections_that_are_cut_anywhere_lose_nothing(
    proxy: Proxy, make: Callable[..., Queue], ledger: Ledger, working: Working, seed: int
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
    proxy: Proxy, valkey: RedisServer, make: Callable[..., Queue], working: Working
) -> None:
    far = make(f"{proxy.url}?timeout=0.5", lease=1.5)
    near = make(valkey.url, lease=1.5)
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
    proxy: Proxy, valkey: RedisServer, make: Callable[..., Queue]
) -> None:
    async with (
        make(f"{proxy.url}?timeout=0.5", lease=1.0) as far,
        make(valkey.url, lease=1.0) as near,
    ):
        handle = await near.enqueue("work", 1)
        [old] = await far.broker.claim(far.name, "far", 1, 1.0)
        proxy.black_hole()
        settling = [
            asyncio.create_task(far.broker.settle([outcome]))
            for outcome in (Dead(old, "late", b"", 0), Release(old))
        ]
        await asyncio.wait(settling)
        # The second one has a connection of its own, which never got as far as sending it.
        assert [type(task.exception()) for task in settling] == [OutcomeUnknown, Unavailable]
        [new] = await near.broker.claim(near.name, "near", 1, 10.0)
        assert new.id == old.id
        proxy.heal()
        assert await far.broker.settle([Release(old)]) == [False]
        assert await near.broker.settle([Done(new, b"\x01", 60.0)]) == [True]
        assert await far.broker.settle([Done(old, b"\x02", 60.0)]) == [False]
        info = await handle.info()
        assert info is not None
        assert (info.state, info.result) == (JobState.SUCCEEDED, b"\x01")


# replies


async def test_who_is_cancelled_as_a_read_fails_takes_nobody_along() -> None:
    read: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    given_back: list[Lease] = []
    bell = Doorbell(lambda _: read, given_back.append)
    cancelled, other = (asyncio.create_task(bell.ring(1.0)) for _ in range(2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    read.set_exception(Unavailable("gone"))
    cancelled.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(Unavailable):
            await other


def test_a_reply_that_makes_no_sense_leaves_the_outcome_open() -> None:
    assert type(translate(driver.InvalidResponse("?"))) is OutcomeUnknown
