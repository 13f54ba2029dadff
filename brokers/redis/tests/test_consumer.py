"""A worker as a consumer: what it took although nobody waits any more is not lost."""

from __future__ import annotations

import asyncio

import pytest

from brokers.redis.tests.conftest import Connect
from headrace.broker import Control, Held, QueueSpec
from headrace.job import Lease
from headrace.outcome import Done, Release
from headrace.testing.conformance.lab import job
from headrace_redis.consumer import Consumer
from tests.servers import RedisServer

pytestmark = pytest.mark.anyio


async def test_jobs_of_a_claim_that_is_cancelled_go_to_another_worker(
    own_valkey: RedisServer, connect: Connect
) -> None:
    broker = await connect(own_valkey.url)
    await broker.declare(QueueSpec(name="q", lease=60.0))
    for turn in range(20):
        await broker.enqueue("q", [job(f"a{turn}")], batch=f"{turn}")
        claiming = asyncio.create_task(broker.claim("q", "w", 1, 5))
        for _ in range(turn):
            await asyncio.sleep(0)
        claiming.cancel()
        [answer] = await asyncio.gather(claiming, return_exceptions=True)
        if isinstance(answer, BaseException):
            [lease] = await broker.claim("q", "v", 1, 5)
        else:
            [lease] = answer
        assert (lease.id, lease.deliveries) == (f"a{turn}", 1)
        assert await broker.settle([Done(lease)]) == [True]


async def test_what_the_server_gave_in_a_lost_reply_is_handed_out(
    own_valkey: RedisServer, connect: Connect
) -> None:
    broker = await connect(own_valkey.url)
    await broker.declare(QueueSpec(name="q", lease=60.0))
    await broker.enqueue("q", [job("a"), job("b")], batch="1")
    [known] = await broker.claim("q", "w", 1, 0)
    with own_valkey.client() as client:
        client.xreadgroup("w", "w", {f"headrace:{{q}}:s{known.priority}": ">"}, count=1)
    consumer: Consumer = broker._consumers["q", "w"]
    consumer._doubt()
    [lease] = await broker.claim("q", "w", 10, 0)
    assert {known.id, lease.id} == {"a", "b"}
    assert await broker.claim("q", "w", 10, 0) == []
    assert await broker.settle([Done(known), Done(lease)]) == [True, True]


@pytest.mark.parametrize("verb", ["settle", "renew"])
async def test_a_worker_that_has_its_own_job_again_keeps_it_when_the_old_lease_is_lost(
    own_valkey: RedisServer, connect: Connect, verb: str
) -> None:
    broker = await connect(own_valkey.url)
    await broker.declare(QueueSpec(name="q", lease=1.0))
    await broker.enqueue("q", [job("a")], batch="1")
    [lost] = await broker.claim("q", "w", 1, 0)
    [again] = await broker.claim("q", "w", 1, 5)
    assert (lost.deliveries, again.deliveries) == (1, 2)
    if verb == "settle":
        assert await broker.settle([Release(lost)]) == [False]
    else:
        assert await broker.renew([lost]) == [Held.LOST]
    consumer: Consumer = broker._consumers["q", "w"]
    consumer._doubt()
    assert await broker.claim("q", "w", 1, 0) == []
    assert await broker.settle([Done(again)]) == [True]


async def test_a_job_whose_reply_came_late_is_not_handed_out_once_more(
    own_valkey: RedisServer, connect: Connect
) -> None:
    broker = await connect(own_valkey.url)
    await broker.declare(QueueSpec(name="q", lease=2.0))
    await broker.enqueue("q", [job("a")], batch="1")
    [late] = await broker.claim("q", "w", 1, 0)
    late.deadline = broker.clock.monotonic() - 4.9  # as if its reply had been under way for so long
    consumer: Consumer = broker._consumers["q", "w"]
    consumer._doubt()
    assert await broker.claim("q", "w", 1, 0) == []
    assert await broker.settle([Done(late)]) == [True]


async def test_a_paused_queue_is_served_when_it_goes_on(
    own_valkey: RedisServer, connect: Connect
) -> None:
    broker = await connect(own_valkey.url)
    await broker.declare(QueueSpec(name="q"))
    await broker.control("q", Control.PAUSE)
    await broker.enqueue("q", [job("a")], batch="1")
    assert await broker.claim("q", "w", 1, 0.3) == []
    claiming = asyncio.create_task(broker.claim("q", "w", 1, 10))
    await broker.control("q", Control.RESUME)
    [lease] = await claiming
    assert lease.id == "a"


async def test_a_suspect_that_is_put_back_is_looked_for_soon(
    own_valkey: RedisServer, connect: Connect
) -> None:
    broker = await connect(own_valkey.url)
    lease = 2.0
    await broker.declare(QueueSpec(name="q", lease=lease))
    await broker.enqueue("q", [job("a"), job("b")], batch="1")
    for worker in ("first-to-die", "second-to-die"):
        assert len(await broker.claim("q", worker, 2, 2 * lease)) == 2
        await broker.clock.sleep(1.1 * lease)
    [suspect] = await broker.claim("q", "careful", 2, 2 * lease)
    assert (suspect.deliveries, await broker.settle([Done(suspect)])) == (3, [True])
    consumer: Consumer = broker._consumers["q", "careful"]
    reads: list[float] = []
    read = consumer._doorbell._read

    async def record(seconds: float) -> Lease | None:
        reads.append(seconds)
        return await read(seconds)

    consumer._doorbell._read = record
    [other] = await broker.claim("q", "careful", 2, lease)
    assert {suspect.id, other.id} == {"a", "b"}
    assert all(seconds <= 0.02 for seconds in reads), "what has no abandoned jobs waits longer"
    assert await broker.settle([Done(other)]) == [True]


async def test_a_wait_that_finds_jobs_in_several_lanes_loses_none(
    own_valkey: RedisServer, connect: Connect
) -> None:
    broker = await connect(own_valkey.url)
    await broker.declare(QueueSpec(name="q", lease=60.0))
    assert await broker.claim("q", "w", 1, 0) == []
    jobs = [job("a", priority=0), job("b", priority=1), job("c", priority=2)]
    await broker.enqueue("q", jobs, batch="1")
    consumer: Consumer = broker._consumers["q", "w"]
    lease = await consumer._read(1.0)
    assert lease is not None
    found = {lease.id}
    async with asyncio.timeout(10):
        while len(found) < len(jobs):
            found |= {one.id for one in await broker.claim("q", "w", 10, 1.0)}
    assert found == {"a", "b", "c"}
