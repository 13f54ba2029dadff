"""Jobs whose end a server has forgotten, but for the state of its consumers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from brokers.nats.tests.conftest import Connect, Start, claim_all
from headrace.broker import QueueSpec
from headrace.errors import Unavailable
from headrace.ids import new_id
from headrace.job import JobState
from headrace.outcome import Done
from headrace.testing.conformance.lab import job
from headrace_nats import NatsBroker, stranded
from headrace_nats.queue import NatsQueue
from headrace_nats.subjects import consumer_of
from tests.servers import NatsServer

JOBS = 5

pytestmark = pytest.mark.anyio


@pytest.fixture
def spec() -> QueueSpec:
    return QueueSpec(name=new_id(), lease=30.0, lanes=2)


@pytest.fixture
def server(start: Start) -> NatsServer:
    return start(jetstream={"sync_interval": "always"})


def messages_of(server: NatsServer) -> Path:
    """Return where it keeps the messages of its only stream."""
    [stream] = server.folder.glob("jetstream/**/streams/*")
    return stream / "msgs"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look again at once: what is stranded here was so before."""
    monkeypatch.setattr(stranded, "PAUSE", 0.0)


@pytest.fixture
async def broker(server: NatsServer, spec: QueueSpec, connect: Connect) -> NatsBroker:
    """A queue whose jobs are over, but for what the messages say."""
    ids = [new_id() for _ in range(JOBS)]
    before = await connect(server.url)
    await before.declare(spec)
    await before.enqueue(spec.name, [job(one, priority=1) for one in ids], batch=new_id())
    server.stop()
    then = shutil.copytree(messages_of(server), server.folder / "then")
    server.start()
    between = await connect(server.url)
    await between.declare(spec)
    leases = await claim_all(between, spec.name, JOBS)
    assert await between.settle([Done(lease, b"\x01", 60.0) for lease in leases]) == [True] * JOBS
    server.stop()
    shutil.rmtree(messages_of(server))
    shutil.move(then, messages_of(server))
    server.start()
    after = await connect(server.url)
    await after.declare(spec)
    infos = await after.lookup(spec.name, ids)
    assert [info and info.state for info in infos] == [JobState.QUEUED] * JOBS
    assert await after.claim(spec.name, "w", JOBS, 0.5) == []
    return after


async def test_jobs_that_no_consumer_knows_any_more_run_again(
    broker: NatsBroker, spec: QueueSpec
) -> None:
    for _ in range(2):
        await broker.maintain(spec.name, "w")
    leases = await claim_all(broker, spec.name, JOBS)
    assert {lease.deliveries for lease in leases} == {1}
    assert await broker.settle([Done(lease, b"\x02", 60.0) for lease in leases]) == [True] * JOBS
    infos = await broker.lookup(spec.name, [lease.id for lease in leases])
    assert [info and info.result for info in infos] == [b"\x02"] * JOBS
    await nothing_is_left(broker, spec.name)


async def test_a_worker_that_dies_as_it_brings_jobs_back_leaves_none_twice(
    broker: NatsBroker, spec: QueueSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    await broker.maintain(spec.name, "w")

    async def died(queue: NatsQueue, seqs: object) -> list[bool]:
        raise Unavailable

    with monkeypatch.context() as patch, pytest.raises(Unavailable):
        patch.setattr(NatsQueue, "delete", died)
        await broker.maintain(spec.name, "w")
    leases = await claim_all(broker, spec.name, JOBS)
    assert await broker.settle([Done(lease, b"\x02", 60.0) for lease in leases]) == [True] * JOBS
    await broker.maintain(spec.name, "w")
    assert await broker.claim(spec.name, "w", JOBS, 0.5) == []
    await nothing_is_left(broker, spec.name)


async def test_jobs_that_wait_or_run_are_left_alone(
    server: NatsServer, spec: QueueSpec, connect: Connect
) -> None:
    broker = await connect(server.url)
    await broker.declare(spec)
    await broker.enqueue(spec.name, [job(priority=1) for _ in range(JOBS)], batch=new_id())
    ended, running, *_ = await claim_all(broker, spec.name, 3)
    assert await broker.settle([Done(ended)]) == [True]
    for _ in range(3):
        await broker.maintain(spec.name, "w")
    stats = await broker.stats(spec.name)
    assert (sum(stats.ready), stats.running) == (2, 2)
    assert await broker.settle([Done(running)]) == [True]


async def test_numbers_of_a_stream_that_was_deleted_say_nothing_of_the_next_one(
    server: NatsServer, spec: QueueSpec, connect: Connect
) -> None:
    broker = await connect(server.url)
    await broker.declare(spec)
    await broker.enqueue(spec.name, [job(priority=1) for _ in range(JOBS)], batch=new_id())
    leases = await claim_all(broker, spec.name, JOBS)
    assert await broker.settle([Done(lease) for lease in leases]) == [True] * JOBS
    await broker.maintain(spec.name, "w")
    async with server.client() as driver:
        await driver.jetstream().delete_stream(f"headrace_{spec.name}")
    await broker.declare(spec)
    await broker.enqueue(spec.name, [job(priority=1) for _ in range(2)], batch=new_id())
    [running] = await claim_all(broker, spec.name, 1)
    for _ in range(2):
        await broker.maintain(spec.name, "w")
    assert await broker.settle([Done(running)]) == [True]
    assert len(await broker.claim(spec.name, "w", JOBS, 1.0)) == 1


async def nothing_is_left(broker: NatsBroker, queue: str) -> None:
    """See that the lane's subject holds no message."""
    lane = broker._services[queue]._queue.subjects.lane(1)
    assert await broker._services[queue]._queue.get([lane]) == [None]
    info = await broker._services[queue]._queue.api("CONSUMER.INFO", of=consumer_of(1))
    assert (info["num_pending"], info["num_ack_pending"]) == (0, 0)
