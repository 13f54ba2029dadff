from __future__ import annotations

import asyncio
import time

import pytest

from headrace.clock import SystemClock
from headrace.testing import ManualClock


async def test_the_system_clock_is_that_of_the_event_loop() -> None:
    clock = SystemClock()
    before = time.monotonic()
    assert before <= clock.monotonic() <= time.monotonic()
    assert abs(clock.monotonic() - asyncio.get_running_loop().time()) < 1
    assert abs(clock.time() - time.time()) < 1


async def test_the_system_clock_calls_and_sleeps() -> None:
    clock, called = SystemClock(), asyncio.Event()
    clock.call_later(0.0, called.set)
    await asyncio.wait_for(called.wait(), 5)
    clock.call_later(0.0, pytest.fail, "it was cancelled").cancel()
    await clock.sleep(0.0)
    await clock.sleep(0.001)


async def test_a_manual_clock_stands_still(clock: ManualClock) -> None:
    before = clock.time(), clock.monotonic()
    await clock.settle()
    assert (clock.time(), clock.monotonic()) == before
    await clock.advance(2.5)
    assert (clock.time(), clock.monotonic()) == (before[0] + 2.5, before[1] + 2.5)


async def test_timers_fire_in_their_order_at_their_moment(clock: ManualClock) -> None:
    fired: list[tuple[str, float]] = []

    def note(name: str) -> None:
        fired.append((name, clock.monotonic()))

    for name, delay in (("late", 3.0), ("early", 1.0), ("never", 9.0), ("second", 1.0)):
        clock.call_later(delay, note, name)
    clock.call_later(2.0, pytest.fail, "it was cancelled").cancel()
    await clock.advance(5.0)
    assert fired == [("early", 1.0), ("second", 1.0), ("late", 3.0)]


async def test_what_a_timer_wakes_runs_before_time_goes_on(clock: ManualClock) -> None:
    seen: list[float] = []

    async def sleeper() -> None:
        for _ in range(3):
            await clock.sleep(1.0)
            seen.append(clock.monotonic())

    task = asyncio.create_task(sleeper())
    await clock.advance(10.0)
    assert seen == [1.0, 2.0, 3.0]
    await task


async def test_a_cancelled_sleep_leaves_no_timer(clock: ManualClock) -> None:
    task = asyncio.create_task(clock.sleep(5.0))
    await clock.settle()
    task.cancel()
    await asyncio.wait([task])
    await clock.advance(6.0)
    assert task.cancelled()


async def test_the_wall_can_be_moved_alone(clock: ManualClock) -> None:
    wall, monotonic = clock.time(), clock.monotonic()
    clock.step_wall(-3600)
    assert (clock.time(), clock.monotonic()) == (wall - 3600, monotonic)
