"""Waiting for the end of jobs: told by a message, and by asking again when there is none."""

from __future__ import annotations

import asyncio

import pytest

from brokers.redis.tests.conftest import Connect, Start
from headrace import BrokerError
from headrace.broker import QueueSpec
from headrace.job import JobState
from headrace.outcome import Done
from headrace.testing.conformance.lab import job
from tests.servers import RedisServer

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("track", ["yes", "no"])
async def test_many_wait_for_one_job_and_all_are_told(
    own_valkey: RedisServer, connect: Connect, track: str
) -> None:
    url = f"{own_valkey.url}?track={track}"
    one, other = await connect(url), await connect(url)
    for broker in (one, other):
        await broker.declare(QueueSpec(name="q"))
    await one.enqueue("q", [job("a")], batch="1")
    waiting = [
        asyncio.create_task(broker.lookup("q", ["a"], wait=20))
        for broker in (one, other)
        for _ in range(3)
    ]
    with own_valkey.client() as client:
        while client.pubsub_numpat() + len(client.pubsub_channels()) < 2:
            await asyncio.sleep(0)
    [lease] = await one.claim("q", "w", 1, 5)
    await one.settle([Done(lease, b"result", 60.0)])
    for [info] in await asyncio.gather(*waiting):
        assert info is not None
        assert (info.state, info.result) == (JobState.SUCCEEDED, b"result")


async def test_who_may_not_subscribe_asks_again(own_valkey: RedisServer, connect: Connect) -> None:
    with own_valkey.client() as client:
        client.execute_command("ACL", "SETUSER", "u", "on", ">p", "~*", "+@all", "-subscribe")
    broker = await connect(f"redis://u:p@127.0.0.1:{own_valkey.port}")
    await broker.declare(QueueSpec(name="q"))
    await broker.enqueue("q", [job("a")], batch="1")
    waiting = asyncio.create_task(broker.lookup("q", ["a"], wait=20))
    [lease] = await broker.claim("q", "w", 1, 5)
    await broker.settle([Done(lease, None, 60.0)])
    [info] = await waiting
    assert info is not None
    assert info.state is JobState.SUCCEEDED


async def test_a_subscription_that_breaks_is_made_again(
    own_valkey: RedisServer, connect: Connect
) -> None:
    broker = await connect(own_valkey.url)
    await broker.declare(QueueSpec(name="q"))
    await broker.enqueue("q", [job("a")], batch="1")
    waiting = asyncio.create_task(broker.lookup("q", ["a"], wait=20))
    with own_valkey.client() as client:
        for _ in range(2):
            while not client.pubsub_channels():
                await asyncio.sleep(0)
            client.client_kill_filter(_type="pubsub")
    [lease] = await broker.claim("q", "w", 1, 5)
    await broker.settle([Done(lease, None, 60.0)])
    [info] = await waiting
    assert info is not None
    assert info.state is JobState.SUCCEEDED


async def test_a_server_that_goes_away_is_told_to_all_who_ask(
    start: Start, connect: Connect
) -> None:
    server = start()
    broker = await connect(server.url)
    await broker.declare(QueueSpec(name="q"))
    server.stop()
    answers = await asyncio.gather(
        *(broker.lookup("q", ["a"]) for _ in range(3)), return_exceptions=True
    )
    assert [isinstance(answer, BrokerError) for answer in answers] == [True] * 3
