"""What is the memory broker's alone; the contract is in the conformance suite."""

from __future__ import annotations

import asyncio

import pytest

from headrace import InvalidURL, MemoryBroker, Unavailable
from headrace.broker import FAIR_EVERY, Control, Held, QueueSpec
from headrace.finding import Verdict
from headrace.job import JobState, Lease, NewJob
from headrace.memory.liveness import Liveness
from headrace.memory.remembered import Remembered
from headrace.memory.store import BATCHES_REMEMBERED, STEP
from headrace.outcome import Done, Reschedule
from headrace.testing import ManualClock

LEASE = 30.0


@pytest.fixture
async def opened(broker: MemoryBroker) -> MemoryBroker:
    await broker.open()
    await broker.declare(QueueSpec(name="q", lease=LEASE))
    return broker


async def put(broker: MemoryBroker, *ids: str, delay: float = 0.0) -> None:
    jobs = [NewJob(id=one, body=b"", delay=delay) for one in ids]
    await broker.enqueue("q", jobs, batch=ids[0])


async def claim(broker: MemoryBroker, limit: int = 1, worker: str = "worker") -> list[Lease]:
    return await broker.claim("q", worker, limit, 0)


@pytest.mark.parametrize("url", ["memory://host", "memory:///path", "memory://?a=b", "nonsense"])
def test_its_url_has_no_options(url: str) -> None:
    with pytest.raises(InvalidURL):
        MemoryBroker(url)


async def test_it_must_be_open(broker: MemoryBroker) -> None:
    with pytest.raises(Unavailable, match="not open"):
        await broker.declare(QueueSpec(name="q"))
    await broker.open()
    with pytest.raises(Unavailable, match="'q' is not declared"):
        await broker.stats("q")


async def test_a_doctor_is_told_what_it_lacks(broker: MemoryBroker) -> None:
    with pytest.raises(Unavailable, match="not open"):
        await broker.queues()
    findings = {one.check: one for one in await broker.examine()}
    assert findings["connection"].verdict is Verdict.OK
    assert findings["durability"].verdict is Verdict.WARNING
    assert (findings["sharing"].detail, findings["sharing"].remedy) == (
        "no other process sees its queues",
        "choose a broker outside of this process by its URL",
    )


async def test_a_closed_broker_does_nothing(opened: MemoryBroker) -> None:
    await put(opened, "42")
    await opened.close()
    for call in (claim(opened), opened.stats("q"), put(opened, "43")):
        with pytest.raises(Unavailable, match="not open"):
            await call


async def test_a_waiting_claim_sees_a_lease_run_out_by_itself(
    opened: MemoryBroker, clock: ManualClock
) -> None:
    await put(opened, "42")
    await claim(opened)
    waiting = asyncio.create_task(opened.claim("q", "other", 1, 10 * LEASE))
    await clock.advance(LEASE)
    assert waiting.done()
    assert [lease.id for lease in waiting.result()] == ["42"]


async def test_a_wake_up_that_was_cancelled_goes_to_the_next(
    opened: MemoryBroker, clock: ManualClock
) -> None:
    first, second = (
        asyncio.create_task(opened.claim("q", worker, 1, LEASE)) for worker in ("a", "b")
    )
    await clock.settle()
    await put(opened, "42")
    first.cancel()
    await clock.settle()
    assert first.cancelled()
    assert second.done()
    assert [lease.id for lease in second.result()] == ["42"]


async def test_the_age_of_a_job_counts_from_when_it_became_ready(
    opened: MemoryBroker, clock: ManualClock
) -> None:
    await clock.advance(100)
    await put(opened, "42")
    await clock.advance(7)
    assert (await opened.stats("q")).oldest == 7.0


async def test_what_is_due_is_purged_as_ready(opened: MemoryBroker, clock: ManualClock) -> None:
    await put(opened, "42", delay=5)
    await clock.advance(5)
    assert await opened.control("q", Control.PURGE_DELAYED) == 0
    assert await opened.control("q", Control.PURGE_READY) == 1


async def test_the_lower_lanes_have_their_turn_in_turn(opened: MemoryBroker) -> None:
    for lane in range(3):
        jobs = [NewJob(id=f"{lane}-{n}", body=b"", priority=lane) for n in range(4 * FAIR_EVERY)]
        await opened.enqueue("q", jobs, batch=str(lane))
    served = [(await claim(opened))[0].priority for _ in range(3 * FAIR_EVERY)]
    turns = {number: lane for number, lane in enumerate(served, start=1) if lane}
    assert turns == {FAIR_EVERY: 2, 2 * FAIR_EVERY: 1, 3 * FAIR_EVERY: 2}


async def test_a_job_expires_at_its_moment(opened: MemoryBroker, clock: ManualClock) -> None:
    await opened.enqueue("q", [NewJob(id="42", body=b"", expires=10)], batch="b")
    await clock.advance(10)
    assert await claim(opened) == []


def test_what_is_remembered_anew_is_forgotten_at_its_new_end() -> None:
    remembered = Remembered[str]()
    remembered.put("a", "old", until=1.0)
    remembered.put("a", "new", until=5.0)
    remembered.sweep(2.0, limit=10)
    assert remembered.get("a", 4.9) == "new"
    assert remembered.get("a", 5.0) is None


def test_a_bounded_number_is_forgotten_at_a_time() -> None:
    remembered = Remembered[int]()
    for number in range(5):
        remembered.put(str(number), number, until=1.0)
    remembered.sweep(1.0, limit=2)
    assert len(remembered._entries) == 3
    remembered.sweep(1.0, limit=9)
    assert len(remembered._entries) == 0


async def test_time_for_which_the_loop_stood_still_does_not_count(
    opened: MemoryBroker, clock: ManualClock
) -> None:
    await put(opened, "42")
    [lease] = await claim(opened)
    await clock.advance(1)
    clock.jump(10 * LEASE)
    assert await claim(opened, worker="other") == []
    assert await opened.renew([lease]) == [Held.OK]
    await clock.advance(LEASE / 2)
    clock.jump(10 * LEASE)
    await clock.advance(LEASE / 3)
    assert await claim(opened, worker="other") == []
    await clock.advance(LEASE)
    assert [one.id for one in await claim(opened, worker="other")] == ["42"]


async def test_it_watches_the_loop_again_when_it_is_opened_again(
    opened: MemoryBroker, clock: ManualClock
) -> None:
    await put(opened, "42", "43")
    await claim(opened)
    await opened.close()
    await opened.open()
    await claim(opened)
    await clock.advance(LEASE)
    assert len(await claim(opened, 2, worker="other")) == 2


def test_two_ticks_may_be_missed_before_the_loop_counts_as_still(clock: ManualClock) -> None:
    liveness = Liveness(clock, 1.0, lambda: True)
    liveness.watch()
    clock.jump(2.0)
    assert liveness.lost_time() == 0.0
    clock.jump(2.5)
    assert (liveness.lost_time(), liveness.lost_time()) == (2.5, 0.0)


async def test_it_watches_the_loop_only_while_leases_are_held(
    opened: MemoryBroker, clock: ManualClock
) -> None:
    await put(opened, "42")
    assert clock._timers == []
    await claim(opened)
    await clock.advance(LEASE * 0.9)
    assert len(clock._timers) == 1
    await clock.advance(LEASE)
    assert clock._timers == []
    assert (await opened.stats("q")).ready == (1, 0, 0)


async def test_a_closed_broker_watches_nothing(opened: MemoryBroker, clock: ManualClock) -> None:
    await put(opened, "42")
    await claim(opened)
    await opened.close()
    assert all(timer.cancelled for _, _, timer in clock._timers)
    await opened.close()


async def test_housekeeping_moves_a_bounded_number(
    opened: MemoryBroker, clock: ManualClock
) -> None:
    await put(opened, *(str(number) for number in range(2 * STEP + 1)), delay=10)
    await clock.advance(11)
    assert sum((await opened.stats("q")).ready) == STEP
    assert await opened.maintain("q", "worker") == 0, "it wants to be called again at once"
    assert sum((await opened.stats("q")).ready) == 2 * STEP + 1


async def test_results_and_keys_are_swept(opened: MemoryBroker, clock: ManualClock) -> None:
    jobs = [
        NewJob(id=str(number), body=b"", unique=str(number), unique_for=5.0) for number in range(9)
    ]
    await opened.enqueue("q", jobs, batch="batch")
    await opened.settle([Done(lease, b"r", 5) for lease in await claim(opened, 9)])
    store = opened._queues["q"].store
    assert (len(store._finals._entries), len(store._timed_holders._entries)) == (9, 9)
    await clock.advance(6)
    await opened.maintain("q", "worker")
    assert (len(store._finals._entries), len(store._timed_holders._entries)) == (0, 0)


async def test_a_result_that_was_replaced_is_swept_at_its_own_time(
    opened: MemoryBroker, clock: ManualClock
) -> None:
    for ttl in (5.0, 60.0):
        await opened.enqueue("q", [NewJob(id="42", body=b"")], batch=str(ttl))
        await opened.settle([Done((await claim(opened))[0], b"r", ttl)])
        await clock.advance(6)
        await opened.maintain("q", "worker")
    [info] = await opened.lookup("q", ["42"])
    assert info is not None
    assert info.state is JobState.SUCCEEDED


async def test_cancelled_delays_do_not_pile_up(opened: MemoryBroker) -> None:
    for number in range(3 * STEP):
        await put(opened, str(number), delay=1e6)
        await opened.cancel("q", [str(number)])
    await opened.maintain("q", "worker")
    assert len(opened._queues["q"].store._due) <= STEP


async def test_so_many_batches_are_remembered(opened: MemoryBroker) -> None:
    for number in range(BATCHES_REMEMBERED + 5):
        await opened.enqueue("q", [], batch=str(number))
    batches = list(opened._queues["q"].store._batches)
    assert (len(batches), batches[0], batches[-1]) == (BATCHES_REMEMBERED, "5", "10004")


async def test_maintenance_asks_to_be_called_when_something_is_due(
    opened: MemoryBroker, clock: ManualClock
) -> None:
    assert await opened.maintain("q", "worker") == 1.0
    await put(opened, "42", delay=0.25)
    assert await opened.maintain("q", "worker") == pytest.approx(0.25)


async def test_waiting_leaves_nothing_behind(opened: MemoryBroker, clock: ManualClock) -> None:
    await put(opened, "42", delay=3600)
    waits = [
        asyncio.create_task(opened.claim("q", "worker", 1, 5)),
        asyncio.create_task(opened.lookup("q", ["42", "42"], wait=5)),
    ]
    await clock.settle()
    queue = opened._queues["q"]
    assert (len(queue.claimers), list(queue.watchers)) == (1, ["42"])
    for wait in waits:
        wait.cancel()
    await asyncio.wait(waits)
    assert (len(queue.claimers), queue.watchers) == (0, {})
    assert all(timer.cancelled for _, _, timer in clock._timers)


async def test_a_lookup_of_two_wakes_at_the_first_end(
    opened: MemoryBroker, clock: ManualClock
) -> None:
    await put(opened, "a", "b")
    lookup = asyncio.create_task(opened.lookup("q", ["a", "b"], wait=30))
    await clock.settle()
    [lease] = await claim(opened)
    await opened.settle([Done(lease, b"r", 60)])
    states = [info.state for info in await lookup if info is not None]
    assert states == [JobState.SUCCEEDED, JobState.QUEUED]
    assert opened._queues["q"].watchers == {}


async def test_a_purge_spares_what_was_delayed_anew(
    opened: MemoryBroker, clock: ManualClock
) -> None:
    await put(opened, "42", delay=5)
    await clock.advance(6)
    [lease] = await claim(opened)
    await opened.settle([Reschedule(lease, 5, 1, b"")])
    assert await opened.control("q", Control.PURGE_READY) == 0
    await clock.advance(6)
    assert [one.id for one in await claim(opened)] == ["42"]
