"""What becomes of jobs when there is no more room, and when there is again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from brokers.nats.tests.conftest import Connect, Start, claim_all
from brokers.nats.tests.test_hostile import edit
from headrace.broker import Held as Holding
from headrace.broker import QueueSpec
from headrace.errors import BrokerError, Overloaded, Rejected, Unavailable
from headrace.ids import new_id
from headrace.job import JobState, Lease
from headrace.outcome import Dead, Done, Release, Reschedule
from headrace.testing.conformance.lab import job
from headrace_nats import NatsBroker
from tests.asking import result_of
from tests.ledger import Ledger
from tests.live import Held, Make, Working, ledger, make, name, working
from tests.servers import NatsServer

__all__ = ["ledger", "make", "name", "working"]

ROOM = 1_000_000
"""Bytes."""

TROUBLE = "broker trouble, trying again"

pytestmark = pytest.mark.anyio


class Filler:
    """A stream of somebody else, which takes all the room that there is on a server."""

    def __init__(self, server: NatsServer) -> None:
        self._server = server

    async def fill(self) -> None:
        async with self._server.client() as driver:
            await driver.jetstream().add_stream(name="filler", subjects=["filler"])
            await driver.jetstream().publish("filler", bytes(ROOM))

    async def make_room(self) -> None:
        async with self._server.client() as driver:
            await driver.jetstream().delete_stream("filler")


@pytest.fixture
def server(start: Start) -> NatsServer:
    return start(jetstream={"max_file_store": ROOM})


@pytest.fixture
def filler(server: NatsServer) -> Filler:
    return Filler(server)


@pytest.fixture
async def broker(server: NatsServer, connect: Connect) -> NatsBroker:
    opened = await connect(server.url)
    await opened.declare(QueueSpec(name="q", lease=2.0))
    return opened


async def claimed(broker: NatsBroker, *ids: str) -> list[Lease]:
    """Enqueue jobs and claim them."""
    await broker.enqueue("q", [job(one) for one in ids], batch=new_id())
    leases = await claim_all(broker, "q", len(ids))
    assert [lease.id for lease in leases] == list(ids)
    return leases


async def test_a_worker_keeps_what_it_cannot_settle_and_runs_it_once(
    server: NatsServer,
    filler: Filler,
    make: Make,
    ledger: Ledger,
    working: Working,
    caplog: pytest.LogCaptureFixture,
) -> None:
    lease = 1.5
    queue = make(server.url, lease=lease)
    held = Held(queue, ledger)

    @queue.task
    async def fails_once(number: int) -> int:
        if ledger.start(number) == 1:
            await held.go_on.wait()
            raise ValueError(number)
        return number

    async with queue, working(queue) as worker:
        handles = [await queue.enqueue("held", 1), await queue.enqueue(fails_once, 2)]
        await ledger.until(lambda: len(ledger.started) == 2)
        await filler.fill()
        with pytest.raises(Overloaded, match="insufficient resources"):
            await queue.broker.enqueue(queue.name, [job()], batch="1")
        held.go_on.set()
        async with asyncio.timeout(20):
            while TROUBLE not in caplog.messages:
                await asyncio.sleep(0)
        before = server.ask("varz")["in_msgs"]
        await queue.broker.clock.sleep(3 * lease)
        assert server.ask("varz")["in_msgs"] - before < 50 * 3 * lease, "nobody tries hotly"
        assert (await queue.stats()).running == 2
        await filler.make_room()
        assert [await result_of(handle) for handle in handles] == [1, 2]
        assert await result_of(await queue.enqueue("work", 3)) == 3
    assert ledger.started == {1: 1, 2: 2, 3: 1}
    assert worker.tally.lost == 0


async def test_every_outcome_waits_for_room_but_one_that_needs_none(
    broker: NatsBroker, filler: Filler
) -> None:
    leases = await claimed(broker, *"abcdef")
    await filler.fill()
    assert await broker.renew(leases) == [Holding.OK] * 6
    released, soon, later, dead, done, silent = leases
    outcomes: list[Any] = [
        Release(released),
        Reschedule(soon, 0.0, 1, b"m"),
        Reschedule(later, 60.0, 1, b"m"),
        Dead(dead, "why", b"m", 1),
        Done(done, b"result", 60.0),
    ]
    for outcome in outcomes:
        with pytest.raises(Overloaded):
            await broker.settle([outcome])
    with pytest.raises(Overloaded):
        await broker.settle([*outcomes, Done(silent, None, 0.0)])
    assert (await broker.stats("q")).running == 5
    assert await broker.renew(leases) == [*[Holding.OK] * 5, Holding.LOST]
    await filler.make_room()
    assert await broker.settle([*outcomes, Done(silent, None, 0.0)]) == [True] * 6
    states = [info and info.state for info in await broker.lookup("q", list("abcdef"))]
    queued, delayed = JobState.QUEUED, JobState.DELAYED
    assert states == [queued, queued, delayed, JobState.DEAD, JobState.SUCCEEDED, None]


async def test_a_job_of_a_dead_worker_uses_up_no_deliveries_while_there_is_no_room(
    broker: NatsBroker, filler: Filler
) -> None:
    [lease] = await claimed(broker, "a")
    await filler.fill()
    clock, refused = broker.clock, 0
    while clock.monotonic() < lease.deadline + 3 * 2.0:
        try:
            assert await broker.claim("q", "next", 1, 0.3) == []
        except Overloaded:
            refused += 1
            await clock.sleep(0.3)
    assert refused > 3
    await filler.make_room()
    async with asyncio.timeout(10):
        while not (leases := await broker.claim("q", "next", 1, 1.0)):
            pass
    assert leases[0].deliveries == 2


async def test_a_job_that_was_due_while_there_was_no_room_starts_when_there_is(
    broker: NatsBroker, filler: Filler
) -> None:
    delayed = [job("due", delay=0.5), job("later", delay=600.0), job("other", delay=0.5)]
    await broker.enqueue("q", delayed, batch="1")
    await filler.fill()
    clock = broker.clock
    due = clock.monotonic() + 1.0
    while clock.monotonic() < due:
        assert (await broker.stats("q")).delayed == 3
    await filler.make_room()
    async with asyncio.timeout(30):
        while (await broker.stats("q")).delayed > 1:
            await broker.maintain("q", "w")
    leases = await broker.claim("q", "w", 10, 1.0)
    assert sorted(lease.id for lease in leases) == ["due", "other"]
    assert await broker.settle([Done(lease) for lease in leases]) == [True, True]
    stats = await broker.stats("q")
    assert (sum(stats.ready), stats.delayed, stats.running) == (0, 1, 0)


async def test_a_full_account_says_so(start: Start, connect: Connect) -> None:
    account = {
        "jetstream": {"max_file": ROOM, "max_memory": 0},
        "users": [{"user": "app", "password": "hunter2"}],
    }
    server = start(accounts={"small": account})
    broker = await connect(f"nats://app:hunter2@127.0.0.1:{server.port}")
    await broker.declare(QueueSpec(name="q"))
    [lease] = await claimed(broker, "a")
    await broker.enqueue("q", [job(body=bytes(ROOM - 20_000))], batch="1")
    large = bytes(30_000)
    for jobs in ([job(body=large)], [job(body=large, unique="u")], [job(body=large, delay=60.0)]):
        with pytest.raises(Overloaded, match="resource limits exceeded for account"):
            await broker.enqueue("q", jobs, batch=new_id())
    with pytest.raises(Overloaded, match="resource limits exceeded for account"):
        await broker.settle([Done(lease, large, 60.0)])
    assert await broker.settle([Done(lease, b"small", 60.0)]) == [True]


async def test_what_is_too_large_for_a_stream_is_refused_alone(
    server: NatsServer, connect: Connect
) -> None:
    first = await connect(server.url)
    await first.declare(QueueSpec(name="q"))
    async with server.client() as driver:
        await edit(driver, "headrace_q", {"max_msg_size": 4096})
    broker = await connect(server.url)
    await broker.declare(QueueSpec(name="q"))
    with pytest.raises(Rejected, match="more than the 3072 bytes") as caught:
        await broker.enqueue("q", [job("a"), job("big", body=bytes(4000))], batch="1")
    assert caught.value.job_id == "big"
    [lease] = await claimed(broker, "a")
    with pytest.raises(Rejected, match="result"):
        await broker.settle([Done(lease, bytes(5000), 60.0)])
    assert await broker.settle([Done(lease, b"small", 60.0)]) == [True]


async def test_who_finds_no_free_connection_comes_back_when_there_is_one(
    start: Start, connect: Connect
) -> None:
    server = start(max_connections=2)
    brokers = [await connect(server.url) for _ in range(2)]
    for broker in brokers:
        await broker.declare(QueueSpec(name="q"))
    with pytest.raises(Unavailable):
        await NatsBroker(f"{server.url}?timeout=0.5").open()
    await asyncio.to_thread(server.reload, max_connections=1)
    async with asyncio.timeout(10):
        while not (away := [one for one in brokers if not await answers(one)]):
            pass
    assert len(away) == 1
    await asyncio.to_thread(server.reload, max_connections=2)
    async with asyncio.timeout(10):
        while not await answers(away[0]):
            pass


async def answers(broker: NatsBroker) -> bool:
    try:
        await broker.stats("q")
    except BrokerError:
        return False
    return True
