"""Schedules, with workers that come and go, on a clock that is moved."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs

from headrace import AuthFailed, JobState, MemoryBroker, Misfire, Queue, RetryPolicy, Unavailable
from headrace.codec import Settings
from headrace.options import Options
from headrace.testing import FaultyBroker, ManualClock
from tests.conftest import Working, records_of

START = 1_750_000_000.0
"""2025-06-15 15:06:40 UTC."""


class Bench:
    """Makes queues on one broker, as processes of one deployment would."""

    def __init__(self, broker: FaultyBroker, clock: ManualClock) -> None:
        self.broker = broker
        self.clock = clock
        self.ran: list[float] = []

    def queue(self, decorate: Callable[[Queue], Callable[..., Any]]) -> Queue:
        queue = Queue(self.broker)

        async def report() -> None:
            self.ran.append(self.clock.time() - START)

        decorate(queue)(report)
        return queue

    def every(self, interval: float = 60, **options: Any) -> Queue:
        return self.queue(lambda queue: queue.every(interval, **options))

    async def stats(self) -> tuple[int, int, int]:
        stats = await self.broker.stats("default")
        return sum(stats.ready), stats.delayed, stats.running


@pytest.fixture
async def bench(broker: MemoryBroker, clock: ManualClock) -> Bench:
    await broker.open()
    return Bench(FaultyBroker(broker), clock)


async def test_a_schedule_runs_at_its_ticks(
    bench: Bench, clock: ManualClock, working: Working
) -> None:
    async with working(bench.every(60)):
        await clock.advance(150)
    assert bench.ran == pytest.approx([20, 80, 140], abs=0.01)


async def test_a_cron_schedule_runs_in_its_zone(
    bench: Bench, clock: ManualClock, working: Working
) -> None:
    queue = bench.queue(lambda queue: queue.cron("*/5 18 * * *", timezone="Europe/Moscow"))
    async with working(queue):
        await clock.advance(700)
    assert bench.ran == pytest.approx([200, 500], abs=0.01)


async def test_many_workers_run_each_tick_once(
    bench: Bench, clock: ManualClock, working: Working
) -> None:
    async with working(bench.every(60)), working(bench.every(60)), working(bench.every(60)):
        await clock.advance(600)
    assert bench.ran == pytest.approx([20 + 60 * n for n in range(10)], abs=0.01)


async def test_there_is_one_tick_to_come(
    bench: Bench, clock: ManualClock, working: Working
) -> None:
    async with working(bench.every(60)), working(bench.every(60)):
        await clock.advance(150)
        assert await bench.stats() == (0, 1, 0)
    assert await bench.stats() == (0, 1, 0), "the tick to come outlives the workers"


async def test_a_tick_that_was_run_is_not_enqueued_again(
    bench: Bench, clock: ManualClock, working: Working
) -> None:
    """A worker whose clock is behind would enqueue it again; its key is still held."""
    queue = bench.every(60)
    async with working(queue):
        await clock.advance(21)
        clock.step_wall(-30)
        async with working(bench.every(60)):
            await clock.advance(5)
    assert len(bench.ran) == 1
    assert await bench.stats() == (0, 1, 0)


@pytest.mark.parametrize(
    ("misfire", "expected"),
    [
        (Misfire.LATEST, [310, 320, 380]),
        (Misfire.ALL, [310, 310, 310, 310, 310, 320, 380]),
        (Misfire.SKIP, [320, 380]),
    ],
)
async def test_ticks_that_were_missed(
    bench: Bench, clock: ManualClock, working: Working, misfire: Misfire, expected: list[float]
) -> None:
    async with working(bench.every(60, misfire=misfire, misfire_grace=30)):
        await clock.settle()
    await clock.advance(310)
    bench.ran.clear()
    async with working(bench.every(60, misfire=misfire, misfire_grace=30)):
        await clock.advance(80)
    assert bench.ran == pytest.approx(expected, abs=0.5)


async def test_skip_lets_a_tick_run_that_is_late_within_the_grace(
    bench: Bench, clock: ManualClock, working: Working
) -> None:
    async with working(bench.every(60, misfire="skip", misfire_grace=30)):
        await clock.settle()
    await clock.advance(45)
    async with working(bench.every(60, misfire="skip", misfire_grace=30)):
        await clock.advance(1)
    assert len(bench.ran) == 1


async def test_skip_does_not_drop_a_retry(
    bench: Bench, clock: ManualClock, working: Working
) -> None:
    queue = Queue(bench.broker)
    attempts: list[float] = []

    @queue.every(600, misfire="skip", misfire_grace=5)
    @queue.task(retry=RetryPolicy(attempts=3, base=60, jitter=0))
    async def report() -> None:
        attempts.append(clock.time() - START)
        if len(attempts) < 2:
            raise ValueError("once")

    async with working(queue):
        await clock.advance(400)
    assert attempts == pytest.approx([200, 260], abs=0.1)


async def test_a_schedule_that_changed_drops_its_old_tick(
    bench: Bench, clock: ManualClock, working: Working, caplog: pytest.LogCaptureFixture
) -> None:
    async with working(bench.every(70)):
        await clock.settle()
    with caplog.at_level(logging.INFO, "headrace"):
        async with working(bench.every(60)):
            await clock.advance(100)
    assert bench.ran == pytest.approx([20, 80], abs=0.01)
    notes = [r.getMessage() for r in records_of(caplog) if "dropped" in r.getMessage()]
    assert notes == ["tick dropped: its schedule is gone or changed"]


async def test_a_schedule_that_is_gone_drops_its_tick(
    bench: Bench, clock: ManualClock, working: Working
) -> None:
    async with working(bench.every(60)):
        await clock.settle()
    tick = int((START + 20) * 1000)
    async with working(bench.queue(lambda queue: queue.task)) as worker:
        await clock.advance(100)
        assert worker.tally.cancelled == 1
    assert bench.ran == []
    [info] = await bench.broker.lookup("default", [f"cron-report-{tick}"])
    assert info is not None
    assert info.state is JobState.CANCELLED


async def test_a_tick_of_an_unknown_task_waits_for_a_deploy(
    bench: Bench, clock: ManualClock, working: Working
) -> None:
    async with working(bench.every(60)):
        await clock.settle()
    async with working(Queue(bench.broker)):
        await clock.advance(22)
    assert await bench.stats() == (0, 1, 0)
    async with working(bench.every(60)):
        await clock.advance(10)
    assert len(bench.ran) == 1


async def test_a_broken_chain_is_mended_within_a_minute(
    bench: Bench, clock: ManualClock, working: Working
) -> None:
    queue = bench.every(3600)
    async with working(queue):
        await clock.settle()
        await queue.purge()
        assert await bench.stats() == (0, 0, 0)
        clock.step_wall(3600)
        await clock.advance(61)
        assert await bench.stats() == (0, 1, 0)


async def test_ticks_do_not_pile_up_while_a_queue_is_paused(
    bench: Bench, clock: ManualClock, working: Working
) -> None:
    queue = bench.every(60)
    async with working(queue), working(bench.every(60)):
        await clock.settle()
        await queue.pause()
        await clock.advance(610)
        assert await bench.stats() == (1, 0, 0)
        await queue.resume()
        await clock.advance(11)
    assert bench.ran == pytest.approx([610, 620], abs=0.5)


async def test_ticks_do_not_pile_up_while_the_workers_are_busy(
    bench: Bench, clock: ManualClock, working: Working
) -> None:
    queue = bench.every(60)
    free = asyncio.Event()

    @queue.task
    async def holds_the_slot() -> None:
        await free.wait()

    async with working(queue, concurrency=1):
        await queue.enqueue(holds_the_slot)
        await clock.advance(610)
        assert bench.ran == []
        free.set()
        await clock.advance(11)
    assert bench.ran == pytest.approx([610, 620], abs=0.5)


async def test_broker_trouble_does_not_stop_the_schedules(
    bench: Bench, clock: ManualClock, working: Working
) -> None:
    bench.broker.fail("enqueue", Unavailable("down"), times=15)
    async with working(bench.every(60)):
        await clock.advance(150)
    assert bench.ran[-1] == pytest.approx(140, abs=0.1)


async def test_a_broker_that_refuses_is_asked_again(
    bench: Bench, clock: ManualClock, working: Working
) -> None:
    bench.broker.fail("enqueue", AuthFailed("no permission"), times=3)
    async with working(bench.every(60)):
        await clock.advance(30)
    assert len(bench.ran) == 1


async def test_a_tick_does_not_run_before_the_next_one_is_stored(
    bench: Bench, clock: ManualClock, working: Working
) -> None:
    async with working(bench.every(60)):
        await clock.advance(19)
        bench.broker.hold("enqueue")
        await clock.advance(5)
        assert bench.ran == []
        bench.broker.let_go("enqueue")
        await clock.settle()
        assert len(bench.ran) == 1


@pytest.mark.parametrize("kept", [True, False])
async def test_a_tick_that_arrives_for_longer_than_its_lease_runs_if_it_is_still_held(
    bench: Bench, clock: ManualClock, working: Working, kept: bool
) -> None:
    async with working(bench.every(60)):
        await clock.advance(19)
        bench.broker.hold("enqueue")
        await clock.advance(1)
        clock.jump(40)  # it is neither renewed nor given up meanwhile
        if not kept:
            bench.broker.fail("renew", Unavailable("down"))
        bench.broker.let_go("enqueue")
        await clock.settle()
        assert len(bench.ran) == kept
        await clock.advance(40)
        assert len(bench.ran) == 1


async def test_a_hand_made_tick_is_nothing_special(
    bench: Bench, clock: ManualClock, working: Working
) -> None:
    """Whoever writes to the broker can claim that a job is a tick; it must be one to run."""
    queue = bench.every(60)
    async with working(queue):
        task = queue.tasks["report"]
        for number, settings in enumerate(
            [Settings(schedule="report", tick=7), Settings(schedule="other"), Settings(tick=5)]
        ):
            job = queue.draft(task.call(), Options(job_id=f"forged-{number}"), settings)
            await queue.broker.enqueue("default", [job], batch=str(number))
        await clock.settle()
        assert len(bench.ran) == 1, "a tick without a schedule is an ordinary job"


async def test_a_tick_keeps_the_lane_of_its_task(bench: Bench, clock: ManualClock) -> None:
    queue = Queue(bench.broker)

    @queue.every(60)
    @queue.task(priority=0)
    async def report() -> None: ...

    async with queue:
        from headrace.worker.scheduler import Scheduler

        scheduling = asyncio.create_task(Scheduler(queue).run())
        await clock.advance(21)
        [lease] = await queue.broker.claim("default", "worker", 1, 0)
        assert (lease.priority, lease.id) == (0, f"cron-report-{int((START + 20) * 1000)}")
        scheduling.cancel()
        await asyncio.wait([scheduling])
    assert structs.asdict(lease)["attempt"] == 0
