"""A job is written where it goes before its old copy goes: what is lost in between does no harm."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from msgspec import structs

from brokers.nats.tests.conftest import Connect, claim_all
from headrace.broker import Held, QueueSpec
from headrace.errors import BrokerError
from headrace.ids import new_id
from headrace.job import JobInfo, JobState, Lease
from headrace.outcome import Dead, Done, Outcome, Release, Reschedule
from headrace.testing.conformance.lab import job
from headrace_nats import NatsBroker
from headrace_nats.ending import Place, again, dead, end_of, moved, over
from headrace_nats.lean import Message
from headrace_nats.queue import NatsQueue, Stored
from headrace_nats.settlement import Settlement
from headrace_nats.wire import token_of
from tests.servers import NatsServer

LEASE = 1.0

pytestmark = pytest.mark.anyio


@pytest.fixture
def name() -> str:
    return new_id()


@pytest.fixture
async def broker(node: NatsServer, connect: Connect, name: str) -> NatsBroker:
    opened = await connect(node.url)
    await opened.declare(QueueSpec(name=name, lease=LEASE, lanes=1))
    return opened


@pytest.fixture
async def second(broker: NatsBroker, node: NatsServer, connect: Connect, name: str) -> NatsBroker:
    """The broker of another process."""
    opened = await connect(node.url)
    await opened.declare(broker._specs[name])
    return opened


def queue_of(broker: NatsBroker, name: str) -> NatsQueue:
    return broker._services[name]._queue


async def state_of(broker: NatsBroker, name: str, job_id: str) -> JobInfo:
    [info] = await broker.lookup(name, [job_id])
    assert info is not None
    return info


async def leased(broker: NatsBroker, name: str, worker: str = "w") -> Lease:
    """Enqueue a job and claim it."""
    job_id = new_id()
    await broker.enqueue(name, [job(job_id)], batch=job_id)
    [lease] = await broker.claim(name, worker, 1, 2.0)
    assert lease.id == job_id
    return lease


async def write(broker: NatsBroker, name: str, message: Message) -> None:
    """Write what a worker writes before it acknowledges, as if it had died then."""
    [ack] = await queue_of(broker, name).publish([message])
    assert ack.error is None


async def claimed_in_turn(broker: NatsBroker, name: str, seconds: float) -> list[Lease]:
    """Return what another worker gets in so many seconds."""
    return await broker.claim(name, "other", 10, seconds)


async def test_a_job_whose_result_was_written_is_not_started_again(
    broker: NatsBroker, name: str
) -> None:
    lease, queue = await leased(broker, name), queue_of(broker, name)
    end = end_of(lease, JobState.SUCCEEDED, b"42", await queue.latest() + 60.0)
    await write(broker, name, over(queue.subjects, lease, end, 60.0))
    assert await claimed_in_turn(broker, name, 3 * LEASE) == []
    info = await state_of(broker, name, lease.id)
    assert (info.state, info.result) == (JobState.SUCCEEDED, b"42")
    stats = await broker.stats(name)
    assert (sum(stats.ready), stats.running) == (0, 0)


async def test_a_result_whose_acknowledgement_was_lost_is_settled_by_the_next_try(
    broker: NatsBroker, name: str
) -> None:
    lease, queue = await leased(broker, name), queue_of(broker, name)
    end = end_of(lease, JobState.SUCCEEDED, b"42", await queue.latest() + 60.0)
    await write(broker, name, over(queue.subjects, lease, end, 60.0))
    await broker.settle([Done(lease, b"42", 60.0)])
    assert (await broker.stats(name)).running == 0
    assert (await state_of(broker, name, lease.id)).result == b"42"


async def test_a_death_that_was_written_is_not_died_twice(broker: NatsBroker, name: str) -> None:
    lease, queue = await leased(broker, name), queue_of(broker, name)
    outcome = Dead(lease, "why", b"", 1, b"failure", 60.0)
    await write(broker, name, dead(queue.subjects, outcome, await queue.latest() + 60.0))
    assert await claimed_in_turn(broker, name, 3 * LEASE) == []
    assert (await state_of(broker, name, lease.id)).state is JobState.DEAD
    assert [letter.id for letter in await broker.dead(name)] == [lease.id]
    assert (await broker.stats(name)).running == 0


async def test_a_delayed_retry_that_was_written_runs_once(broker: NatsBroker, name: str) -> None:
    lease, queue = await leased(broker, name), queue_of(broker, name)
    later = Reschedule(lease, 4 * LEASE, 1, b"m")
    await write(broker, name, again(queue, later, await queue.latest()))
    assert await claimed_in_turn(broker, name, 2 * LEASE) == []
    [retry] = await claimed_in_turn(broker, name, 5 * LEASE)
    assert (retry.id, retry.attempt, retry.deliveries) == (lease.id, 1, 1)
    assert await broker.settle([Done(retry, b"42", 60.0)]) == [True]
    assert await claimed_in_turn(broker, name, 2 * LEASE) == []
    assert (await state_of(broker, name, lease.id)).result == b"42"


@pytest.mark.parametrize("kind", ["retry", "delayed retry", "release", "death"])
async def test_a_worker_that_lost_its_lease_changes_nothing(
    broker: NatsBroker, name: str, kind: str
) -> None:
    lost = await leased(broker, name)
    [lease] = await claimed_in_turn(broker, name, 3 * LEASE)
    assert (lease.id, lease.deliveries) == (lost.id, 2)
    late: dict[str, Outcome] = {
        "retry": Reschedule(lost, 0.0, 1, b""),
        "delayed retry": Reschedule(lost, 60.0, 1, b""),
        "release": Release(lost),
        "death": Dead(lost, "why", b"", 1, None, 60.0),
    }
    assert await broker.settle([late[kind]]) == [False]
    assert await broker.settle([Done(lease, b"42", 60.0)]) == [True]
    assert (await state_of(broker, name, lost.id)).result == b"42"
    assert await broker.dead(name) == []


async def test_a_late_result_counts_and_ends_the_copy_that_another_worker_has(
    broker: NatsBroker, second: NatsBroker, name: str
) -> None:
    lost = await leased(broker, name)
    [lease] = await second.claim(name, "other", 1, 3 * LEASE)
    assert lease.id == lost.id
    assert await broker.settle([Done(lost, b"first", 60.0)]) == [True]
    assert await second.settle([Done(lease, b"second", 60.0)]) == [False]
    assert (await state_of(second, name, lost.id)).result == b"first"
    assert await second.claim(name, "other", 1, 2 * LEASE) == []


async def test_of_two_results_for_one_copy_the_first_counts(
    broker: NatsBroker, second: NatsBroker, name: str
) -> None:
    lost = await leased(broker, name)
    [lease] = await second.claim(name, "other", 1, 3 * LEASE)
    answers = await asyncio.gather(
        broker.settle([Done(lost, b"first", 60.0)]), second.settle([Done(lease, b"second", 60.0)])
    )
    assert sorted(yes for [yes] in answers) == [False, True]
    winner = b"first" if answers[0][0] else b"second"
    assert (await state_of(broker, name, lost.id)).result == winner


async def test_jobs_that_may_have_killed_their_workers_are_handed_out_one_by_one(
    node: NatsServer, connect: Connect, name: str
) -> None:
    broker = await connect(node.url)
    await broker.declare(QueueSpec(name=name, lease=30.0, lanes=1))
    ids = {new_id() for _ in range(3)}
    await broker.enqueue(name, [job(one) for one in ids], batch=new_id())
    queue = queue_of(broker, name)
    for lease in await claim_all(broker, name, 3):
        # As if two workers had died with it.
        copy = structs.replace(token_of(lease).copy, deliveries=2)
        place = Place(lease.priority, lease.id, token_of(lease).seq)
        await write(broker, name, moved(queue, place, copy, 0.0))
    await broker.enqueue(name, [job("innocent")], batch=new_id())
    met: set[str] = set()
    for turn in range(3):
        leases = await broker.claim(name, "w", 10, 5.0)
        suspects = [lease for lease in leases if lease.deliveries == 3]
        assert len(suspects) == 1
        assert ("innocent" in [lease.id for lease in leases]) == (turn == 0)
        met.add(suspects[0].id)
        outcomes = [Done(lease) for lease in leases]
        assert await broker.settle(outcomes) == [True] * len(leases)
    assert met == ids


async def forget_acknowledgements(node: NatsServer, name: str) -> None:
    """Let the server hand out again what was not let go, as if for the first time.

    A server that is killed does the same with what was acknowledged a moment before.
    """
    async with node.client() as client:
        jetstream = client.jetstream()
        await jetstream.delete_consumer(f"headrace_{name}", "lane-0")


@pytest.mark.parametrize("outcome", ["done", "dead", "later"])
async def test_an_outcome_stands_whose_acknowledgement_the_server_forgot(
    broker: NatsBroker, node: NatsServer, name: str, outcome: str
) -> None:
    first = await leased(broker, name)
    ends: dict[str, Outcome] = {
        "done": Done(first, b"first", 60.0),
        "dead": Dead(first, "gone", b"", 1, b"first", 60.0),
        "later": Reschedule(first, 60.0, 1, b""),
    }
    await forget_acknowledgements(node, name)
    assert await broker.settle([ends[outcome]]) == [True]
    before = await state_of(broker, name, first.id)
    [leftover] = await claim_all(broker, name, 1)
    assert (leftover.id, leftover.deliveries) == (first.id, 1)
    assert await broker.settle([Done(leftover, b"second", 60.0)]) == [False]
    assert await state_of(broker, name, first.id) == before
    assert await broker.claim(name, "w", 1, 0.5) == []
    stats = await broker.stats(name)
    assert (sum(stats.ready), stats.running) == (0, 0)


async def test_a_lease_is_lost_whose_job_is_over_though_its_copy_is_there(
    broker: NatsBroker, node: NatsServer, name: str
) -> None:
    first = await leased(broker, name)
    await forget_acknowledgements(node, name)
    assert await broker.settle([Done(first, b"first", 60.0)]) == [True]
    [leftover] = await claim_all(broker, name, 1)
    assert await broker.renew([leftover]) == [Held.LOST]


async def test_a_foreign_message_under_the_id_of_a_job_is_not_in_its_way(
    broker: NatsBroker, node: NatsServer, name: str
) -> None:
    lease = await leased(broker, name)
    async with node.client() as client:
        await client.jetstream().publish(f"headrace.{name}.z.0.{lease.id}", b"foreign")
        assert await broker.renew([lease]) == [Held.OK]
        await client.jetstream().publish(f"headrace.{name}.z.0.{lease.id}", b"foreign")
        assert await broker.settle([Done(lease, b"result", 60.0)]) == [True]
    assert (await state_of(broker, name, lease.id)).result == b"result"


@pytest.mark.parametrize("kind", ["done", "release"])
async def test_an_outcome_from_before_a_queue_was_deleted_touches_no_job_that_came_behind(
    broker: NatsBroker, node: NatsServer, name: str, kind: str
) -> None:
    old = await leased(broker, name)
    async with node.client() as client:
        await client.jetstream().delete_stream(f"headrace_{name}")
    ids: list[str] = []
    async with asyncio.timeout(20):
        while len(ids) < token_of(old).seq + 5:
            with suppress(BrokerError):
                [known] = await broker.enqueue(name, [job(new_id())], batch=(batch := new_id()))
                ids.append(batch)
                assert known is None
    fresh = await claim_all(broker, name, len(ids))
    assert token_of(old).seq in {token_of(lease).seq for lease in fresh}
    outcome: Outcome = Done(old, b"late", 60.0) if kind == "done" else Release(old)
    assert await broker.settle([outcome]) == [False]
    assert await broker.settle([Done(lease, b"", 60.0) for lease in fresh]) == [True] * len(fresh)


@pytest.mark.parametrize("ttl", [0.0, 60.0])
async def test_a_late_success_counts_though_nobody_takes_the_job_in_that_moment(
    broker: NatsBroker, name: str, monkeypatch: pytest.MonkeyPatch, ttl: float
) -> None:
    """What a claim gives back is written anew; it is the same job, and nobody has settled it."""
    late = await leased(broker, name)
    [new] = await broker.claim(name, "other", 1, 10.0)
    assert (new.id, new.deliveries) == (late.id, 2)
    moves, overrule = [new], Settlement._overrule

    async def overtaken(settlement: Settlement, outcome: Done, stored: Stored) -> bool:
        if moves:
            await broker._services[name].consumer("other")._rewrite([moves.pop()])
        return await overrule(settlement, outcome, stored)

    monkeypatch.setattr(Settlement, "_overrule", overtaken)
    assert await broker.settle([Done(late, b"\x01", ttl)]) == [True]
    assert moves == []
    assert await broker.claim(name, "other", 1, 0.5) == []
