"""Claims whose connection breaks when the jobs are there already: they come to the next claim."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from msgspec import structs

from brokers.nats.tests.conftest import Connect
from headrace.broker import QueueSpec
from headrace.clock import SystemClock
from headrace.errors import BrokerError, OutcomeUnknown
from headrace.ids import new_id
from headrace.job import JobState, Lease
from headrace.outcome import Done
from headrace.testing.conformance.lab import job
from headrace_nats import NatsBroker
from headrace_nats.consumer import LONGEST_PULL
from headrace_nats.ending import Place, moved
from headrace_nats.puller import LATE
from headrace_nats.superseding import supersede
from headrace_nats.wire import token_of
from tests.proxy import Proxy
from tests.servers import NatsServer

LEASE = 30.0
"""Longer than a test: what comes back sooner did not wait for it."""

STORED = b'"seq":'

pytestmark = pytest.mark.anyio


@pytest.fixture
async def proxy(node: NatsServer) -> AsyncIterator[Proxy]:
    async with Proxy(node.port, "nats", multiplexed=True) as opened:
        yield opened


@pytest.fixture
def spec() -> QueueSpec:
    return QueueSpec(name=new_id(), lease=LEASE, lanes=1)


@pytest.fixture
async def near(node: NatsServer, connect: Connect, spec: QueueSpec) -> NatsBroker:
    broker = await connect(node.url)
    await broker.declare(spec)
    return broker


@pytest.fixture
async def far(proxy: Proxy, connect: Connect, spec: QueueSpec, near: NatsBroker) -> NatsBroker:
    broker = await connect(proxy.url)
    await broker.declare(spec)
    return broker


async def insist(broker: NatsBroker, queue: str, jobs: int) -> list[Lease]:
    """Claim until so many jobs have come, long before a lease is over."""
    leases: list[Lease] = []
    async with asyncio.timeout(LEASE / 2):
        while len(leases) < jobs:
            try:
                leases += await broker.claim(queue, "w", jobs, 1.0)
            except BrokerError:
                continue
    return leases


async def cut(broker: NatsBroker, queue: str, lost: asyncio.Event) -> None:
    """Claim once, and see that the connection breaks over it."""
    with pytest.raises(OutcomeUnknown):
        await broker.claim(queue, "w", 10, 1.0)
    assert lost.is_set()


@pytest.mark.parametrize("knocks", [0, 4])
async def test_jobs_of_a_claim_that_is_cut_while_it_looks_for_cancellations(
    near: NatsBroker, far: NatsBroker, proxy: Proxy, spec: QueueSpec, knocks: int
) -> None:
    """Also if nobody claims, and nothing can be given back, for a while."""
    ids = [new_id() for _ in range(3)]
    await near.enqueue(spec.name, [job(one) for one in ids], batch=new_id())
    lost = proxy.swallow(request=b"STREAM.MSG.GET", reply=b"stream_msg_get_response")
    proxy.refusing = bool(knocks)
    await cut(far, spec.name, lost)
    async with asyncio.timeout(LEASE / 2):
        while proxy.accepted <= knocks:
            await asyncio.sleep(0)
    proxy.refusing = False
    leases = await insist(far, spec.name, 3)
    assert sorted(lease.id for lease in leases) == ids
    assert {lease.deliveries for lease in leases} == {1}
    assert await far.settle([Done(lease) for lease in leases]) == [True] * 3


async def test_jobs_whose_giving_back_is_cut_come_once(
    near: NatsBroker, far: NatsBroker, proxy: Proxy, spec: QueueSpec
) -> None:
    """Written anew, the old ones must not be handed out beside the new ones."""
    ids = [new_id() for _ in range(3)]
    await near.enqueue(spec.name, [job(one) for one in ids], batch=new_id())
    lost = proxy.swallow(request=b"STREAM.MSG.GET", reply=b"stream_msg_get_response")
    await cut(far, spec.name, lost)
    lost = proxy.swallow(request=b"Nats-Expected-Last-Subject-Sequence", reply=STORED)
    consumer = far._services[spec.name].consumer("w")
    async with asyncio.timeout(LEASE / 2):
        while not lost.is_set():
            await consumer._give_back_left_over()
    leases = await insist(far, spec.name, 3)
    leases += await near.claim(spec.name, "other", 10, 2.0)
    assert sorted(lease.id for lease in leases) == ids
    assert await near.settle([Done(lease) for lease in leases]) == [True] * 3


async def test_jobs_of_a_claim_that_is_cut_while_it_puts_suspects_aside(
    near: NatsBroker, far: NatsBroker, proxy: Proxy, spec: QueueSpec
) -> None:
    ids = [new_id() for _ in range(3)]
    await near.enqueue(spec.name, [job(one) for one in ids], batch=new_id())
    queue = near._services[spec.name]._queue
    for lease in await insist(near, spec.name, 3):
        # As if two workers had died with it.
        copy = structs.replace(token_of(lease).copy, deliveries=2)
        place = Place(lease.priority, lease.id, token_of(lease).seq)
        assert await supersede(queue, [(lease, moved(queue, place, copy, 0.0))])
        await queue.delete([token_of(lease).seq])
    lost = proxy.swallow(request=b"Nats-Schedule", reply=STORED)
    await cut(far, spec.name, lost)
    met: list[str] = []
    for _ in range(3):
        [lease] = await insist(far, spec.name, 1)
        assert lease.deliveries == 3
        met.append(lease.id)
        assert await far.settle([Done(lease)]) == [True]
    assert sorted(met) == ids


async def test_jobs_of_a_claim_that_is_cut_while_it_ends_one_that_came_too_late(
    near: NatsBroker, far: NatsBroker, proxy: Proxy, spec: QueueSpec
) -> None:
    late, fresh = job(expires=0.01), job()
    await near.enqueue(spec.name, [late, fresh], batch=new_id())
    service = near._services[spec.name]
    expired = await service._queue.latest() + 0.01
    while await service._queue.earliest() < expired:
        await asyncio.sleep(0)
    lost = proxy.swallow(request=b".s.0.", reply=STORED)
    await cut(far, spec.name, lost)
    [lease] = await insist(far, spec.name, 1)
    assert (lease.id, lease.deliveries) == (fresh.id, 1)
    assert await far.settle([Done(lease)]) == [True]
    async with asyncio.timeout(LEASE / 2):
        while (await near.stats(spec.name)).running:
            assert await far.claim(spec.name, "w", 10, 0.0) == []
    [info] = await near.lookup(spec.name, [late.id])
    assert info is not None
    assert info.state is JobState.EXPIRED


async def test_a_job_that_comes_behind_its_lease_is_not_taken_for_one_that_was_asked_for_since(
    near: NatsBroker, far: NatsBroker, proxy: Proxy
) -> None:
    """A worker that is cut off asks on, and knows only when it asked."""
    spec = QueueSpec(name=new_id(), lease=2.0, lanes=1)
    await near.declare(spec)
    await far.declare(spec)
    async with asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(insist(far, spec.name, 1))
        await is_waiting(far, spec.name)
        proxy.black_hole(up=False)
        late, fresh = job(), job()
        await near.enqueue(spec.name, [late], batch=new_id())
        async with asyncio.timeout(10):
            while not (await near.stats(spec.name)).running:
                await asyncio.sleep(0)
        proxy.black_hole()
        [lease] = await near.claim(spec.name, "w", 1, 10.0)
        assert (lease.id, lease.deliveries) == (late.id, 2)
        assert await near.settle([Done(lease)]) == [True]
        # Long enough for it to ask again, whatever it thinks of what it had asked before.
        await SystemClock().sleep(2 * LATE)
        await near.enqueue(spec.name, [fresh], batch=new_id())
        proxy.heal()
        [lease] = await asking
        assert (lease.id, lease.deliveries) == (fresh.id, 1)


async def is_waiting(broker: NatsBroker, queue: str) -> None:
    """Wait for a request for jobs that the server keeps for a while."""
    puller = broker._services[queue].consumer("w")._puller
    while not any(
        pull.until > puller._queue.connection.now() + LONGEST_PULL / 2
        for pull in puller._open.values()
    ):
        await asyncio.sleep(0)
