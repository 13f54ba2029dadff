"""What becomes of what a lost reply had claimed: the server knows who has it, and tells."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from redis import exceptions as driver

from headrace import Queue
from headrace.errors import OutcomeUnknown, Unavailable
from headrace.job import Lease
from headrace.outcome import Done
from headrace_redis.doorbell import Doorbell
from headrace_redis.errors import translate
from headrace_redis.scripts import CLAIM, Script
from tests.proxy import Proxy
from tests.servers import RedisServer


def digest(script: Script) -> bytes:
    return script.digest.encode()


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
