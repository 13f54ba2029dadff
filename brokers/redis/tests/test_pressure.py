"""Many at once: delayed jobs, waiters, verbs; and what is left afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from headrace import JobState, Queue, Reject
from headrace.broker import Held
from headrace.clock import SystemClock
from headrace.errors import JobCancelled, JobExpired, JobFailed
from headrace_redis.keys import SUFFIXES, queue_prefix
from tests.ledger import Ledger
from tests.live import Make, Working
from tests.proxy import Proxy
from tests.servers import RedisServer

LONGEST_SCRIPT = 50_000
"""Microseconds for which one script may hold up the server."""


@pytest.mark.bounds
async def test_10_000_jobs_that_are_due_at_one_instant_are_neither_early_nor_lost(
    start: Callable[..., RedisServer], make: Make, working: Working
) -> None:
    server, clock, jobs = start(), SystemClock(), 10_000
    queue = make(server.url, result_ttl=60)
    instant, done = 0.0, Ledger()

    @queue.task
    async def punctual(number: int) -> None:
        assert clock.time() >= instant > 0
        done.end(number)

    async with queue, working(queue) as worker:
        with server.client() as client:
            later = punctual.options(delay=3600)
            handles = await queue.enqueue_many(later.call(n) for n in range(jobs))
            client.config_set("slowlog-log-slower-than", LONGEST_SCRIPT)
            client.slowlog_reset()
            instant = clock.time() + 1.0
            due = {handle.id: int(instant * 1000) + 1 for handle in handles}
            client.zadd(queue_prefix("headrace", queue.name) + SUFFIXES["DELAYED"], due, xx=True)
            await done.until(lambda: len(done.ended) == jobs, patience=60)
            scripts = [row for row in client.slowlog_get(100) if b"EVAL" in row["command"]]
            assert scripts == []
    assert set(done.ended.values()) == {1}
    assert worker.tally.succeeded == jobs
    assert worker.tally.retried == 0


async def test_waiters_whose_subscription_is_killed_learn_of_every_result(
    valkey: RedisServer, make: Make, working: Working
) -> None:
    queue, jobs = make(valkey.url), 1_000
    async with queue:
        handles = await queue.enqueue_many(queue.remote("work").call(n) for n in range(jobs))
        waiting = [asyncio.create_task(handle.result(60)) for handle in handles]
        with valkey.client() as client:
            waiters = queue_prefix("headrace", queue.name) + SUFFIXES["WAITERS"]
            while client.hlen(waiters) < jobs or not client.pubsub_channels():
                await asyncio.sleep(0)
            assert client.execute_command("CLIENT", "KILL", "TYPE", "pubsub") >= 1
        async with working(queue):
            assert await asyncio.gather(*waiting) == list(range(jobs))


async def test_who_may_not_subscribe_asks_again(
    start: Callable[..., RedisServer], make: Make, working: Working
) -> None:
    server = start()
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "default", "-subscribe")
    queue = make(server.url)
    async with queue, working(queue):
        handles = await queue.enqueue_many(queue.remote("work").call(n) for n in range(10))
        assert [await handle.result(20) for handle in handles] == list(range(10))


async def test_renewals_do_not_wait_behind_verbs_that_wait_for_a_connection(
    proxy: Proxy, make: Make
) -> None:
    async with make(proxy.url) as queue:
        await queue.enqueue("work", 1)
        [lease] = await queue.broker.claim(queue.name, "w", 1, 1.0)
        await queue.broker.renew([lease])
        proxy.latency = 0.02
        verbs = [asyncio.create_task(queue.broker.stats(queue.name)) for _ in range(300)]
        await asyncio.sleep(0)
        assert await queue.broker.renew([lease]) == [Held.OK]
        assert sum(verb.done() for verb in verbs) < 100
        assert len(await asyncio.gather(*verbs)) == 300


# what is left


async def walk(queue: Queue, working: Working) -> None:
    """Take jobs on every path that there is to their end."""

    @queue.task(retry=None)
    async def rejected() -> None:
        raise Reject("no")

    work = queue.remote("work")
    async with queue:
        cancelled = await queue.enqueue(work.options(unique="cancelled"), 2)
        await cancelled.cancel()
        purged = [
            await queue.enqueue(work.options(unique=f"p{n}", delay=60 * n), n) for n in (0, 1)
        ]
        assert await queue.purge() == 2
        expired = await queue.enqueue(work.options(expires=0.001), 1)
        with pytest.raises(JobExpired):
            async with working(queue):
                await expired.result(10)
        async with working(queue):
            done = await queue.enqueue(work.options(unique="done"), 3, 1)
            assert await done.result(10) == 3
            await (await queue.enqueue(work.options(unique="held", unique_for=60), 4)).result(10)
            await (await queue.enqueue(work.options(delay=0.05, result_ttl=1), 5)).result(10)
            dead = await queue.enqueue(rejected.options(unique="dead"))
            with pytest.raises(JobFailed):
                await dead.result(10)
            with pytest.raises(JobCancelled):
                await cancelled.result(10)
        assert await queue.purge(dead=True) == 1
        assert {await handle.status() for handle in purged} == {JobState.UNKNOWN}


async def test_jobs_leave_no_keys_behind_that_would_never_go(
    keys: Any, valkey: RedisServer, make: Make, working: Working
) -> None:
    await walk(make(valkey.url), working)


async def test_jobs_that_are_left_are_seen(
    valkey: RedisServer, make: Make, leaks: Callable[[], set[str]]
) -> None:
    async with make(valkey.url) as queue:
        await queue.enqueue(queue.remote("work").options(unique="left"), 1)
        await queue.enqueue(queue.remote("work").options(delay=60), 1)
        suffixes = {key.rpartition("}:")[2][0] for key in leaks()}
        assert suffixes == {
            SUFFIXES[name][0] for name in ("LANE", "UNIQUE", "DELAYED", "BODIES", "INDEX")
        }
        await queue.purge()
        assert leaks() == set()
