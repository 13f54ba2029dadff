"""Threads, limits, the pulse, backoff, signals, settings, the tally."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

from headrace import InvalidOption, JobState, Unavailable, current_job
from headrace.context import CurrentJob, set_current_job
from headrace.implementation import Implementation
from headrace.job import Lease
from headrace.outcome import Dead, Done, Release, Reschedule
from headrace.testing import ManualClock
from headrace.testing.clock import ManualTimer, Ts
from headrace.worker.backoff import LONGEST, Backoff
from headrace.worker.limits import TaskLimits
from headrace.worker.pulse import Pulse
from headrace.worker.run import CancelReason, Run
from headrace.worker.settings import settings_from
from headrace.worker.signals import Requests, listening
from headrace.worker.tally import Tally
from headrace.worker.threads import Threads
from tests.conftest import records_of

LEASE = Lease("q", "42", b"", b"", 1, 0, 1, 7, 30.0, None)


async def until(condition: Any) -> None:
    """Wait for what another thread does."""
    while not condition():
        await asyncio.sleep(0)


# threads


async def test_a_function_runs_in_another_thread_with_the_context() -> None:
    set_current_job(CurrentJob("42", "t", "q", 1, 1, 7, None, {}, 0))
    threads = Threads(2)

    def function(a: int, *, b: int) -> tuple[int, str, bool]:
        return a + b, current_job().id, threading.current_thread() is threading.main_thread()

    assert await threads.run(function, 1, b=2) == (3, "42", False)
    await until(lambda: threads.busy == 0)


@pytest.mark.parametrize("kind", [ValueError, SystemExit, KeyboardInterrupt, StopIteration])
async def test_whatever_a_function_raises_is_raised(kind: type[BaseException]) -> None:
    threads = Threads(1)

    def function() -> None:
        raise kind("x")

    with pytest.raises((kind, RuntimeError)):
        await threads.run(function)
    await until(lambda: threads.busy == 0)


async def test_so_many_run_at_a_time() -> None:
    threads, gate = Threads(2), threading.Event()
    running = [asyncio.create_task(threads.run(gate.wait)) for _ in range(5)]
    await until(lambda: threads.busy == 2)
    for _ in range(20):
        await asyncio.sleep(0)
    assert threads.busy == 2
    gate.set()
    assert await asyncio.gather(*running) == [True] * 5
    await until(lambda: threads.busy == 0)


async def test_an_abandoned_thread_keeps_its_place_until_it_ends() -> None:
    threads, begun, gate = Threads(1), threading.Event(), threading.Event()

    def function() -> None:
        begun.set()
        gate.wait()

    stuck = asyncio.create_task(threads.run(function))
    await until(begun.is_set)
    stuck.cancel()
    await asyncio.wait([stuck])
    assert stuck.cancelled()
    waiting = asyncio.create_task(threads.run(int, "5"))
    for _ in range(20):
        await asyncio.sleep(0)
    assert (threads.busy, waiting.done()) == (1, False)
    gate.set()
    assert await waiting == 5
    await until(lambda: threads.busy == 0)


async def test_one_that_is_cancelled_before_it_begins_gives_its_place_back() -> None:
    threads = Threads(1)
    for _ in range(50):
        task = asyncio.create_task(threads.run(int))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    await until(lambda: threads.busy == 0)
    assert await threads.run(int, "5") == 5


async def test_a_thread_that_comes_too_late_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    late: list[Callable[[], object]] = []

    async def cancelled(call: Callable[[], object], **options: object) -> None:
        late.append(call)
        raise asyncio.CancelledError

    threads = Threads(1)
    with monkeypatch.context() as patch:
        patch.setattr("headrace.worker.threads.to_thread.run_sync", cancelled)
        with pytest.raises(asyncio.CancelledError):
            await threads.run(pytest.fail, "it was cancelled before it began")
    assert (late[0](), threads.busy) == (None, 0)


async def test_one_that_is_cancelled_while_it_waits_takes_no_place() -> None:
    threads, gate = Threads(1), threading.Event()
    first = asyncio.create_task(threads.run(gate.wait))
    await until(lambda: threads.busy == 1)
    second = asyncio.create_task(threads.run(int))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait([second])
    gate.set()
    await first
    await until(lambda: threads.busy == 0)
    assert await threads.run(int, "5") == 5


# limits


def limited(concurrency: int | None = 1) -> Implementation:
    return Implementation("task", lambda: None, concurrency)


async def test_a_task_without_a_limit_is_always_admitted() -> None:
    assert TaskLimits(0).admits(limited(None))


async def test_a_limit_holds_the_rest_back(clock: ManualClock) -> None:
    limits, task, gate = TaskLimits(1), limited(2), asyncio.Event()
    inside: list[int] = []

    async def work(number: int) -> None:
        async with limits.slot(task):
            inside.append(number)
            await gate.wait()

    assert limits.admits(task)
    workers = [asyncio.create_task(work(number)) for number in range(3)]
    await clock.settle()
    assert inside == [0, 1]
    assert not limits.admits(task), "one may wait, and one does"
    gate.set()
    await asyncio.gather(*workers)
    assert inside == [0, 1, 2]
    assert limits.admits(task)


async def test_one_that_is_cancelled_while_waiting_makes_room(clock: ManualClock) -> None:
    limits, task = TaskLimits(1), limited(1)
    async with limits.slot(task):

        async def work() -> None:
            async with limits.slot(task):
                raise AssertionError

        waiting = asyncio.create_task(work())
        await clock.settle()
        assert not limits.admits(task)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert limits.admits(task)


async def test_a_slot_is_free_again_when_the_task_raises() -> None:
    limits, task = TaskLimits(1), limited(1)
    with pytest.raises(ValueError, match="bad"):
        async with limits.slot(task):
            raise ValueError("bad")
    async with limits.slot(task):
        pass


# the pulse


async def test_a_pulse_wakes_when_the_condition_holds(clock: ManualClock) -> None:
    pulse, numbers = Pulse(clock), [0]
    waiting = asyncio.create_task(pulse.until(lambda: numbers[0] == 2))
    for _ in range(2):
        await clock.settle()
        assert not waiting.done()
        numbers[0] += 1
        pulse.beat()
    assert await waiting is True
    assert await pulse.until(lambda: True) is True


async def test_a_pulse_gives_up_when_the_time_is_over(clock: ManualClock) -> None:
    pulse = Pulse(clock)
    waiting = asyncio.create_task(pulse.until(lambda: False, 5.0))
    await clock.advance(4.9)
    assert not waiting.done()
    await clock.advance(0.2)
    assert await waiting is False


async def test_a_timer_that_fires_early_ends_the_wait_all_the_same() -> None:
    """uvloop counts in whole milliseconds, from a time that it looked at before."""

    class Hasty(ManualClock):
        def call_later(
            self, delay: float, callback: Callable[[*Ts], object], *args: *Ts
        ) -> ManualTimer:
            return super().call_later(delay - 0.001, callback, *args)

    clock = Hasty()
    waiting = asyncio.create_task(Pulse(clock).until(lambda: False, 5.0))
    await clock.settle()
    await clock.advance(4.999)
    assert waiting.done()


async def test_several_wait_on_one_pulse(clock: ManualClock) -> None:
    pulse, flags = Pulse(clock), {"a": False, "b": False}
    first = asyncio.create_task(pulse.until(lambda: flags["a"]))
    second = asyncio.create_task(pulse.until(lambda: flags["b"], 60.0))
    for flag, task in (("b", second), ("a", first)):
        await clock.settle()
        flags[flag] = True
        pulse.beat()
        assert await task is True


# backoff


def test_backoff_grows_with_jitter_and_speaks_once(caplog: pytest.LogCaptureFixture) -> None:
    backoff = Backoff("consumer", "q")
    assert backoff.well
    with caplog.at_level(logging.INFO, "headrace"):
        pauses = [backoff.failed(Unavailable("gone")) for _ in range(12)]
        assert not backoff.well
        backoff.succeeded()
        backoff.succeeded()
    assert backoff.well
    assert 0.025 <= pauses[0] <= 0.05
    assert LONGEST / 2 <= pauses[-1] <= LONGEST
    messages = [record.getMessage() for record in records_of(caplog)]
    assert messages == ["broker trouble, trying again", "broker is well again"]
    facts = vars(records_of(caplog)[0])
    assert (facts["service"], facts["queue"]) == ("consumer", "q")
    assert (facts["error"], facts["error_message"]) == ("Unavailable", "gone")
    assert records_of(caplog)[0].exc_info is None


def test_backoff_doubles_up_to_five_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", max)
    backoff = Backoff("consumer", "q")
    pauses = [backoff.failed(Unavailable("gone")) for _ in range(9)]
    assert pauses == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    backoff.succeeded()
    assert backoff.failed(Unavailable("gone")) == 0.05


def test_what_a_plug_in_leaks_is_worth_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "headrace"):
        Backoff("consumer", "q").failed(ZeroDivisionError())
    assert records_of(caplog)[0].exc_info is not None


# runs


async def test_the_first_reason_wins() -> None:
    run = Run(LEASE)
    run.cancel(CancelReason.TIMEOUT)
    run.cancel(CancelReason.SHUTDOWN)
    assert run.reason is CancelReason.TIMEOUT


async def test_a_cancellation_before_the_first_step_only_shows() -> None:
    run = Run(LEASE)
    steps: list[CancelReason | None] = []

    async def work() -> None:
        steps.append(run.reason)
        run.begin()
        await asyncio.sleep(0)

    task = asyncio.create_task(work())
    run.start(task)
    run.cancel(CancelReason.SHUTDOWN)
    await task
    assert steps == [CancelReason.SHUTDOWN]


async def test_a_late_cancellation_finds_nobody() -> None:
    async def work() -> str:
        await asyncio.sleep(0)
        return "done"

    run = Run(LEASE)
    task = asyncio.create_task(work())
    run.start(task)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    run.begin()
    run.finish()
    run.cancel(CancelReason.SHUTDOWN)
    assert await task == "done"


# settings


def test_settings_have_defaults() -> None:
    settings = settings_from(100, 25, None, 300, None)
    assert (settings.grace, settings.prefetch, settings.max_stall) == (25.0, None, 300.0)
    assert settings.threads >= 1


@pytest.mark.parametrize(
    "values",
    [
        (0, 25, None, 300, None),
        (1, -1, None, 300, None),
        (1, 25, -1, 300, None),
        (1, 25, None, float("inf"), None),
        (1, 25, None, 300, 0),
    ],
)
def test_settings_that_make_no_sense(values: tuple[Any, ...]) -> None:
    with pytest.raises(InvalidOption):
        settings_from(*values)


# the tally


def test_the_tally_counts_by_kind() -> None:
    tally = Tally()
    for outcome in (
        Done(LEASE),
        Done(LEASE, None, 0, JobState.CANCELLED),
        Reschedule(LEASE, 0, 1, b""),
        Reschedule(LEASE, 0, 0, b""),
        Dead(LEASE, "why", b"", 1),
        Release(LEASE),
    ):
        tally.count(outcome)
    assert tally.facts() == {
        "claimed": 0,
        "succeeded": 1,
        "cancelled": 1,
        "retried": 1,
        "snoozed": 1,
        "dead": 1,
        "released": 1,
        "lost": 0,
    }


# signals


def test_two_requests_ask_and_the_third_is_the_last_word() -> None:
    said: list[str] = []
    requests = Requests(lambda: said.append("stop"), lambda: said.append("the end"))
    for _ in range(3):
        requests.come("signal")
    assert said == ["stop", "stop", "the end"]


def test_a_request_that_comes_by_two_ways_counts_once() -> None:
    said: list[str] = []
    requests = Requests(lambda: said.append("stop"), lambda: said.append("the end"))
    for way in ("signal", "supervisor", "supervisor", "signal", "end of supervisor"):
        requests.come(way)
    assert said == ["stop", "stop"]
    requests.come("signal")
    assert said == ["stop", "stop", "the end"]


async def test_outside_the_main_thread_no_signal_is_heeded() -> None:
    def elsewhere() -> bool:
        with listening(Requests(lambda: None)):
            return True

    assert await asyncio.to_thread(elsewhere)
