"""What those hear who wait for the end of a job."""

from __future__ import annotations

import asyncio

import pytest

from brokers.nats.tests.conftest import Connect
from headrace.broker import QueueSpec
from headrace.ids import new_id
from headrace.outcome import Done
from headrace.testing.conformance.lab import job
from headrace_nats import lookups
from tests.servers import NatsServer

pytestmark = pytest.mark.anyio


async def test_who_hears_of_an_end_before_it_is_stored_asks_again_soon(
    node: NatsServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookups, "POLL", 3600.0)
    broker, name, one = await connect(node.url), new_id(), job()
    await broker.declare(QueueSpec(name=name))
    await broker.enqueue(name, [one], batch=new_id())
    [lease] = await broker.claim(name, "w", 1, 5.0)
    waiting = asyncio.create_task(broker.lookup(name, [one.id], wait=3600.0))
    subject = f"headrace.{name}.s.{lease.priority}.{one.id}"
    async with node.client() as client:
        await heard_by_two(node, subject)
        # It is heard, and never stored.
        refused = {"Nats-Expected-Last-Sequence": "999999"}
        answer = await client.request(subject, b"", headers=refused)
        assert b"wrong last sequence" in answer.data
        assert not waiting.done()
        # Of this nobody hears.
        assert await broker.settle([Done(lease, ttl=0)]) == [True]
        async with asyncio.timeout(30):
            assert await waiting == [None]


async def test_who_begins_to_listen_before_an_end_is_stored_asks_again_soon(
    node: NatsServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookups, "POLL", 3600.0)
    broker, name, one = await connect(node.url), new_id(), job()
    await broker.declare(QueueSpec(name=name))
    await broker.enqueue(name, [one], batch=new_id())
    [lease] = await broker.claim(name, "w", 1, 5.0)
    waiting = asyncio.create_task(broker.lookup(name, [one.id], wait=3600.0))
    await heard_by_two(node, f"headrace.{name}.s.{lease.priority}.{one.id}")
    # As if word had come before it listened: of this nobody hears.
    assert await broker.settle([Done(lease, ttl=0)]) == [True]
    async with asyncio.timeout(60):
        assert await waiting == [None]


async def heard_by_two(node: NatsServer, subject: str) -> None:
    """Return when somebody listens on a subject besides its stream."""
    listening = subject.replace(".s.", ".*.").rsplit(".", 2)
    wanted = f"{listening[0]}.*.{listening[2]}"
    async with asyncio.timeout(10):
        while wanted not in str(await asyncio.to_thread(node.ask, "subsz?subs=1")):
            await asyncio.sleep(0)
