from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from headrace import (
    ConfigMismatch,
    InvalidArguments,
    InvalidOption,
    JobState,
    MemoryBroker,
    Priority,
    Queue,
    QueueClosed,
    Rejected,
    Retry,
    Unavailable,
    UnknownScheme,
    UnknownTask,
    Worker,
)
from headrace.broker import QueueSpec
from headrace.codec import decode_envelope
from headrace.job import Lease
from headrace.outcome import Dead
from headrace.task import Call
from headrace.testing import FaultyBroker, ManualClock


async def add(a: int, b: int = 2) -> int:
    return a + b


async def claim(broker: MemoryBroker, limit: int = 10, queue: str = "default") -> list[Lease]:
    return await broker.claim(queue, "worker", limit, 0)


# opening and closing


async def test_a_queue_opens_and_closes() -> None:
    queue = Queue("memory://")
    task = queue.task(add)
    with pytest.raises(QueueClosed, match="use `async with queue:`"):
        await queue.enqueue(task, 1)
    async with queue as opened:
        assert opened is queue
        await queue.enqueue(task, 1)
    with pytest.raises(QueueClosed):
        await queue.enqueue(task, 1)
    with pytest.raises(Unavailable):
        await queue.stats()
    await queue.close()
    async with queue:
        assert sum((await queue.stats()).ready) == 1


async def test_a_queue_that_cannot_be_declared_lets_go_of_its_broker(
    monkeypatch: pytest.MonkeyPatch, broker: MemoryBroker
) -> None:
    def found(_: str) -> MemoryBroker:
        return broker

    monkeypatch.setattr("headrace.link.broker_from_url", found)
    async with Queue(broker, lease=30):
        pass
    other = Queue("memory://", lease=10)
    with pytest.raises(ConfigMismatch):
        await other.open()
    with pytest.raises(Unavailable):
        await broker.stats("default")
    await other.close()


async def test_who_cannot_declare_a_queue_does_not_close_it_for_who_could(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened = asyncio.Event()

    class Refusing(MemoryBroker):
        async def declare(self, spec: QueueSpec) -> QueueSpec:
            if asyncio.current_task() is refused:
                await opened.wait()
                raise Unavailable("down")
            return await super().declare(spec)

    def found(_: str) -> MemoryBroker:
        return Refusing()

    monkeypatch.setattr("headrace.link.broker_from_url", found)
    queue = Queue("memory://")
    refused = asyncio.create_task(queue.open())
    await asyncio.sleep(0)
    async with queue:
        opened.set()
        with pytest.raises(Unavailable):
            await refused
        assert sum((await queue.stats()).ready) == 0
        await queue.enqueue("any")


async def test_opening_nests(broker: MemoryBroker) -> None:
    queue = Queue("memory://")
    task = queue.task(add)
    async with queue:
        async with queue:
            pass
        await queue.enqueue(task, 1)


async def test_a_broker_that_was_passed_stays_open(broker: MemoryBroker) -> None:
    async with Queue(broker, name="a"), Queue(broker, name="b") as other:
        pass
    await broker.stats(other.name)


def test_a_queue_belongs_to_one_event_loop() -> None:
    queue = Queue("memory://")
    task = queue.task(add)

    async def elsewhere() -> None:
        with pytest.raises(QueueClosed, match="open in another event loop"):
            await queue.open()
        with pytest.raises(QueueClosed, match="not open here"):
            await queue.enqueue(task, 1)

    with asyncio.Runner() as first, asyncio.Runner() as second:
        first.run(queue.open())
        second.run(elsewhere())
        first.run(queue.close())
        second.run(queue.open())
        second.run(queue.close())


async def test_closing_sends_what_is_on_its_way(broker: MemoryBroker, clock: ManualClock) -> None:
    faulty = FaultyBroker(broker)
    queue = Queue(faulty)
    task = queue.task(add)
    await queue.open()
    faulty.hold("enqueue")
    sending = asyncio.create_task(queue.enqueue(task, 1))
    await clock.settle()
    closing = asyncio.create_task(queue.close())
    await clock.settle()
    assert not closing.done()
    faulty.let_go("enqueue")
    await closing
    assert (await sending).id


async def test_two_users_of_a_queue_must_agree(broker: MemoryBroker) -> None:
    async with Queue(broker, lease=30):
        with pytest.raises(ConfigMismatch, match=r"lease=30.0.*not lease=10.0"):
            await Queue(broker, lease=timedelta(seconds=10)).open()


def test_the_url_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_URL", "nowhere://")
    with pytest.raises(UnknownScheme):
        Queue()
    assert isinstance(Queue("memory://").broker, MemoryBroker)
    monkeypatch.setenv("HEADRACE_URL", "")
    assert isinstance(Queue().broker, MemoryBroker)
    monkeypatch.delenv("HEADRACE_URL")
    assert isinstance(Queue().broker, MemoryBroker)


@pytest.mark.parametrize(
    "settings",
    [
        {"name": "a.b"},
        {"name": ""},
        {"lanes": 0},
        {"lanes": 17},
        {"lease": 0.05},
        {"lease": -1},
        {"max_deliveries": 0},
        {"result_ttl": -1},
        {"max_payload": 0},
        {"unknown_ttl": float("inf")},
    ],
)
def test_settings_that_make_no_sense(settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption):
        Queue("memory://", **settings)


def test_a_queue_shows_its_place_without_secrets() -> None:
    assert repr(Queue("memory://", name="mail")) == "<Queue 'mail' on memory://>"
    assert repr(Queue(MemoryBroker())) == "<Queue 'default' on <MemoryBroker of 0 queues>>"


def test_a_queue_knows_its_url_unless_it_was_given_a_broker() -> None:
    assert Queue("memory://").url == "memory://"
    assert Queue(MemoryBroker()).url is None


# enqueue


async def test_an_enqueued_job_is_stored(
    queue: Queue, broker: MemoryBroker, clock: ManualClock
) -> None:
    task = queue.task(add)
    job = await queue.enqueue(task, 1, b=3)
    assert (await job.status(), job.duplicate) == (JobState.QUEUED, False)
    [lease] = await claim(broker)
    envelope = decode_envelope(lease.body)
    assert (lease.id, envelope.task) == (job.id, "add")
    assert task.implementation.signature.decode(envelope.args, envelope.kwargs) == ((1, 3), {})
    assert envelope.enqueued_at == int(clock.time() * 1000)


async def test_concurrent_calls_travel_together(broker: MemoryBroker) -> None:
    faulty = FaultyBroker(broker)
    async with Queue(faulty) as queue:
        task = queue.task(add)
        jobs = await asyncio.gather(*(queue.enqueue(task, number) for number in range(100)))
    assert faulty.calls["enqueue"] == 1
    assert [lease.id for lease in await claim(broker, 100)] == [job.id for job in jobs]


async def test_many_calls_travel_in_batches(broker: MemoryBroker) -> None:
    faulty = FaultyBroker(broker)
    async with Queue(faulty) as queue:
        task = queue.task(add)
        jobs = await queue.enqueue_many(task.call(number) for number in range(1_200))
        assert await queue.enqueue_many([]) == []
    assert faulty.calls["enqueue"] == 6
    assert [lease.id for lease in await claim(broker, 1_200)] == [job.id for job in jobs]


async def test_many_calls_are_sent_while_more_are_made(broker: MemoryBroker) -> None:
    faulty = FaultyBroker(broker)
    async with Queue(faulty) as queue:
        task = queue.task(add)
        sent: list[int] = []

        def calls() -> Iterator[Call[int]]:
            for number in range(2_000):
                sent.append(faulty.calls["enqueue"])
                yield task.call(number)

        await queue.enqueue_many(calls())
    assert [sent[0], sent[199], sent[200], sent[400], sent[-1]] == [0, 0, 1, 2, 9]


async def test_a_forgotten_await_warns(queue: Queue) -> None:
    task = queue.task(add)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        queue.enqueue(task, 1)  # type: ignore[unused-coroutine] # pyright: ignore[reportUnusedCoroutine]
        gc.collect()
    assert "was never awaited" in str(caught[0].message)


async def test_options_reach_the_broker(
    queue: Queue, broker: MemoryBroker, clock: ManualClock
) -> None:
    task = queue.task(add)
    job = await queue.enqueue(
        task.options(delay=timedelta(minutes=1), priority=Priority.HIGH, job_id="42"), 1
    )
    assert (job.id, await job.status()) == ("42", JobState.DELAYED)
    await clock.advance(59.9)
    assert await claim(broker) == []
    await clock.advance(0.2)
    assert [(lease.id, lease.priority) for lease in await claim(broker)] == [("42", 0)]


async def test_a_job_at_a_moment(queue: Queue, broker: MemoryBroker, clock: ManualClock) -> None:
    task = queue.task(add)
    now = datetime.fromtimestamp(clock.time(), UTC)
    later = await queue.enqueue(task.options(at=now + timedelta(seconds=20)), 1)
    past = await queue.enqueue(task.options(at=now - timedelta(days=1)), 1)
    assert [lease.id for lease in await claim(broker)] == [past.id]
    await clock.advance(21)
    assert [lease.id for lease in await claim(broker)] == [later.id]


async def test_a_duplicate_is_the_job_that_is_there(queue: Queue) -> None:
    task = queue.task(add)
    first = await queue.enqueue(task.options(unique="key"), 1)
    second = await queue.enqueue(task.options(unique="key"), 2)
    assert (second.id, second.duplicate, first.duplicate) == (first.id, True, False)
    named = await queue.enqueue(task.options(job_id="42"), 1)
    again = await queue.enqueue(task.options(job_id="42"), 1)
    assert (again.id, again.duplicate, named.duplicate) == ("42", True, False)


async def test_an_expired_job_does_not_run(
    queue: Queue, broker: MemoryBroker, clock: ManualClock
) -> None:
    task = queue.task(expires=5)(add)
    job = await queue.enqueue(task, 1)
    kept = await queue.enqueue(task.options(expires=None), 1)
    await clock.advance(6)
    assert [lease.id for lease in await claim(broker)] == [kept.id]
    assert await job.status() is JobState.EXPIRED


@pytest.mark.parametrize(("lanes", "middle"), [(1, 0), (2, 0), (3, 1), (4, 1), (5, 2)])
async def test_the_middle_lane_is_the_default(
    broker: MemoryBroker, lanes: int, middle: int
) -> None:
    async with Queue(broker, lanes=lanes) as queue:
        await queue.enqueue(queue.task(add), 1)
    assert [lease.priority for lease in await claim(broker)] == [middle]


async def test_what_can_never_be_stored_is_refused(broker: MemoryBroker) -> None:
    async with Queue(broker, lanes=2, max_payload=100) as queue:

        @queue.task
        async def send(text: str) -> None: ...

        with pytest.raises(Rejected, match=r"priority 2: the queue has lanes 0 to 1"):
            await queue.enqueue(send.options(priority=Priority.LOW), "x")
        with pytest.raises(Rejected, match=r"1[0-9][0-9] bytes are more than max_payload \(100\)"):
            await queue.enqueue(send, "x" * 100)
        with pytest.raises(InvalidArguments):
            await queue.enqueue(send, 5)  # type: ignore[call-overload]
    assert await claim(broker) == []


async def test_a_task_of_another_queue_is_refused(queue: Queue) -> None:
    stranger = Queue("memory://").task(add)
    with pytest.raises(UnknownTask, match="task 'add' does not belong to queue 'default'"):
        await queue.enqueue(stranger, 1)
    queue.task(add)
    with pytest.raises(UnknownTask):
        await queue.enqueue(stranger, 1)


async def test_one_bad_call_of_many_sends_nothing_of_its_batch(
    queue: Queue, broker: MemoryBroker
) -> None:
    task = queue.task(add)
    calls = [task.call(1), task.options(priority=9).call(1), task.call(1)]
    with pytest.raises(Rejected):
        await queue.enqueue_many(calls)
    assert await claim(broker) == []


async def test_by_name_the_producer_needs_no_code(queue: Queue, broker: MemoryBroker) -> None:
    await queue.enqueue("elsewhere", 1, "x", flag=True)
    await queue.enqueue(queue.remote("elsewhere").options(priority=0), 2)
    leases = await claim(broker)
    assert [decode_envelope(lease.body).task for lease in leases] == ["elsewhere"] * 2
    assert [lease.priority for lease in leases] == [0, 1]


async def test_an_argument_can_have_any_name(queue: Queue, broker: MemoryBroker) -> None:
    @queue.task
    async def note(task: str, url: str) -> None: ...

    named: dict[str, Any] = {"task": "a", "url": "b"}
    await queue.enqueue(note, **named)
    await queue.enqueue("elsewhere", **named, self="c")
    first, second = await claim(broker)
    assert msgspec.msgpack.decode(decode_envelope(first.body).kwargs) == named
    assert msgspec.msgpack.decode(decode_envelope(second.body).kwargs) == {**named, "self": "c"}


async def test_by_name_a_known_task_is_still_checked(queue: Queue) -> None:
    queue.task(add)
    with pytest.raises(InvalidArguments):
        await queue.enqueue("add", "one")


async def test_a_cancelled_enqueue_spares_the_others(
    broker: MemoryBroker, clock: ManualClock
) -> None:
    faulty = FaultyBroker(broker)
    async with Queue(faulty) as queue:
        task = queue.task(add)
        faulty.hold("enqueue")
        cancelled = asyncio.create_task(queue.enqueue(task, 1))
        spared = asyncio.create_task(queue.enqueue(task, 2))
        await clock.settle()
        cancelled.cancel()
        await clock.settle()
        faulty.let_go("enqueue")
        assert (await spared).id
    assert cancelled.cancelled()


async def test_a_handle_by_its_id(queue: Queue) -> None:
    job = await queue.enqueue(queue.task(add), 1)
    assert await queue.job(job.id).status() is JobState.QUEUED


# the operator's side


async def test_pause_and_resume(queue: Queue, broker: MemoryBroker) -> None:
    await queue.pause()
    await queue.enqueue(queue.task(add), 1)
    assert (await queue.stats()).paused
    assert await claim(broker) == []
    await queue.resume()
    assert len(await claim(broker)) == 1


async def test_purge(queue: Queue, broker: MemoryBroker) -> None:
    task = queue.task(add)
    await queue.enqueue(task, 1)
    await queue.enqueue(task.options(delay=60), 1)
    assert await queue.purge() == 2
    stats = await queue.stats()
    assert (sum(stats.ready), stats.delayed) == (0, 0)


async def test_dead_letters_are_read_and_requeued(
    queue: Queue, broker: MemoryBroker, clock: ManualClock
) -> None:
    @queue.task
    async def fail(number: int) -> None:
        raise Retry(f"no {number}", after=0)

    jobs = await queue.enqueue_many(fail.call(number) for number in range(150))
    worker = Worker(queue)
    running = asyncio.create_task(worker.run(signals=False))
    while worker.tally.dead < 150:
        await clock.advance(1.0)
    worker.stop()
    await running
    letters = [letter async for letter in queue.dead_letters()]
    assert [letter.id for letter in letters] == [job.id for job in jobs]
    first = letters[0]
    assert (first.task, first.reason, first.attempt) == ("fail", "attempts used up (3)", 3)
    assert [failure.message for failure in first.failures] == ["no 0"] * 3
    assert [failure.attempt for failure in first.failures] == [1, 2, 3]
    assert "raise Retry" in first.traceback
    assert abs(first.died_at.timestamp() - clock.time()) < 60
    assert await queue.requeue(jobs[0].id, jobs[1].id, "unknown") == 2
    assert await jobs[0].status() is JobState.QUEUED
    assert await queue.purge(dead=True) == 148
    assert [letter async for letter in queue.dead_letters()] == []


async def test_a_dead_letter_that_cannot_be_read(queue: Queue, broker: MemoryBroker) -> None:
    await queue.enqueue(queue.task(add), 1)
    [lease] = await claim(broker)
    lease.body = b"\xc1"
    await broker.settle([Dead(lease, "why", b"\xc1", 1)])
    [letter] = [letter async for letter in queue.dead_letters()]
    assert (letter.reason, letter.failures, letter.traceback) == ("why", (), "")
