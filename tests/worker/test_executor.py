"""Whatever a task does ends in an outcome."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from headrace import (
    CallNext,
    CurrentJob,
    JobState,
    MemoryBroker,
    Queue,
    Reject,
    Retry,
    RetryPolicy,
    Snooze,
    current_job,
)
from headrace.codec import decode_failure, decode_history
from headrace.job import Lease
from headrace.outcome import Dead, Done, Outcome, Release, Reschedule
from headrace.testing import ManualClock
from headrace.worker.attempt import Attempt
from headrace.worker.executor import Executor
from headrace.worker.limits import TaskLimits
from headrace.worker.run import CancelReason, Run
from headrace.worker.threads import Threads

CRASH_ONCE = RetryPolicy(attempts=2, base=1.0, jitter=0.0)


class Bench:
    """A queue, and an executor for its jobs."""

    def __init__(self, broker: MemoryBroker, clock: ManualClock) -> None:
        self.queue = Queue(broker)
        self.clock = clock
        self.limits = TaskLimits(1)
        self.threads = Threads(4)
        self.ticks: list[Attempt] = []
        self.tick_runs = True
        self.executor = Executor(self.queue, clock, self.threads, self.limits, self._arrived)

    async def _arrived(self, attempt: Attempt) -> bool:
        self.ticks.append(attempt)
        return self.tick_runs

    async def lease(self, function: Callable[..., Any], *args: Any, **options: Any) -> Lease:
        """Enqueue a call of a function and claim it."""
        concurrency = options.pop("concurrency", None)
        task = self.queue.tasks.get(function.__name__)
        if task is None:
            task = self.queue.task(retry=CRASH_ONCE, concurrency=concurrency)(function)
        await self.queue.enqueue(task.options(**options), *args)
        [lease] = await self.queue.broker.claim("default", "worker", 1, 0)
        return lease

    def start(self, lease: Lease) -> tuple[Run, asyncio.Task[Outcome | None]]:
        """Run a lease as the consumer does: in an asyncio task of its own."""
        run = Run(lease)
        task = asyncio.create_task(self.executor.execute(run))
        run.start(task)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        run.begin()
        return run, task

    async def execute(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Run one call to its end."""
        return await self.start(await self.lease(function, *args, **options))[1]


@pytest.fixture
async def bench(broker: MemoryBroker, clock: ManualClock) -> Any:
    made = Bench(broker, clock)
    async with made.queue:
        yield made


def value_of(outcome: object) -> Any:
    assert isinstance(outcome, Done), outcome
    return msgspec.msgpack.decode(outcome.result or b"")


def failure_of(outcome: object) -> tuple[str, str]:
    """Return the exception that an attempt failed with, and is tried again after."""
    assert isinstance(outcome, Reschedule), outcome
    assert outcome.attempt == outcome.lease.attempt + 1
    failure = decode_history(outcome.meta).failures[-1]
    return failure.error, failure.message


# running


async def test_a_coroutine_runs(bench: Bench) -> None:
    async def add(a: int, b: int) -> int:
        await bench.clock.sleep(0)
        return a + b

    assert value_of(await bench.execute(add, 1, 2)) == 3


async def test_a_plain_function_runs_in_a_thread(bench: Bench) -> None:
    def where() -> bool:
        return threading.current_thread() is threading.main_thread()

    assert value_of(await bench.execute(where)) is False


async def test_a_plain_wrapper_around_a_coroutine_function_is_awaited(bench: Bench) -> None:
    async def inner(a: int) -> int:
        return a

    def wrapper(a: int) -> Any:
        return inner(a)

    assert value_of(await bench.execute(wrapper, 5)) == 5


async def test_the_current_job_is_known_to_tasks_and_threads(bench: Bench) -> None:
    async def there() -> tuple[str, int, float | None]:
        job = current_job()
        return job.id, job.attempt, job.deadline

    def here() -> tuple[str, int, float | None]:
        job = current_job()
        return job.id, job.attempt, job.deadline

    outcome = await bench.execute(there, job_id="42", timeout=5)
    assert value_of(outcome) == ["42", 1, bench.clock.monotonic() + 5]
    assert value_of(await bench.execute(here, job_id="43")) == ["43", 1, None]


async def test_headers_reach_the_task(bench: Bench) -> None:
    async def read() -> dict[str, str]:
        return current_job().headers

    assert value_of(await bench.execute(read, headers={"trace": "1"})) == {"trace": "1"}


# middleware


async def test_middleware_is_around_the_task_and_sees_its_job(bench: Bench) -> None:
    seen: list[str] = []

    @bench.queue.middleware
    async def outer(job: CurrentJob, call_next: CallNext) -> Any:
        seen.append(f"{job.task} begins")
        value = await call_next(job)
        seen.append(f"{job.task} ends")
        return value + 1

    async def work() -> int:
        seen.append("working")
        return 1

    assert value_of(await bench.execute(work)) == 2
    assert seen == ["work begins", "working", "work ends"]


async def test_what_middleware_raises_counts_as_the_tasks(bench: Bench) -> None:
    @bench.queue.middleware
    async def refuse(job: CurrentJob, call_next: CallNext) -> Any:
        raise PermissionError(job.task)

    async def work() -> None: ...

    assert failure_of(await bench.execute(work)) == ("PermissionError", "work")


# whatever a task raises


class EvilRepr(Exception):
    def __repr__(self) -> str:
        raise SystemExit

    __str__ = __repr__


class HugeRepr(Exception):
    def __repr__(self) -> str:
        return "x" * 10_000_000

    __str__ = __repr__


def endless() -> None:
    endless()


RAISED: list[tuple[BaseException, str]] = [
    (ValueError("bad"), "ValueError"),
    (SystemExit(3), "SystemExit"),
    (KeyboardInterrupt(), "KeyboardInterrupt"),
    (GeneratorExit(), "GeneratorExit"),
    (asyncio.CancelledError("my own"), "asyncio.exceptions.CancelledError"),
    (ExceptionGroup("many", [ValueError("a")]), "ExceptionGroup"),
    (BaseExceptionGroup("many", [SystemExit(3)]), "BaseExceptionGroup"),
    (MemoryError(), "MemoryError"),
    (StopAsyncIteration(), "StopAsyncIteration"),
    (TimeoutError("my own"), "TimeoutError"),
    (EvilRepr(), f"{__name__}.EvilRepr"),
    (HugeRepr(), f"{__name__}.HugeRepr"),
]


@pytest.mark.parametrize(("error", "name"), RAISED, ids=[name for _, name in RAISED])
@pytest.mark.parametrize("kind", ["async", "thread"])
async def test_whatever_a_task_raises_is_a_failed_attempt(
    bench: Bench, error: BaseException, name: str, kind: str
) -> None:
    async def crash() -> None:
        raise error

    def crash_in_thread() -> None:
        raise error

    outcome = await bench.execute(crash if kind == "async" else crash_in_thread)
    told, message = failure_of(outcome)
    assert told == name
    assert len(message) <= 512


async def test_recursion_is_a_failed_attempt(bench: Bench) -> None:
    async def recurse() -> None:
        endless()

    assert failure_of(await bench.execute(recurse))[0] == "RecursionError"


async def test_stop_iteration_is_a_failed_attempt(bench: Bench) -> None:
    async def stop() -> None:
        raise StopIteration

    assert failure_of(await bench.execute(stop))[0] == "RuntimeError"


async def test_a_task_that_cancels_itself_is_a_failed_attempt(bench: Bench) -> None:
    async def suicidal() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    error, _ = failure_of(await bench.execute(suicidal))
    assert error == "asyncio.exceptions.CancelledError"


async def test_the_last_attempt_is_a_dead_letter(bench: Bench) -> None:
    async def crash() -> None:
        raise ValueError("bad")

    outcome = await bench.execute(crash, retry=None)
    assert isinstance(outcome, Dead)
    assert decode_failure(outcome.result).error == "ValueError"


@pytest.mark.parametrize(
    ("signal", "kind"),
    [(Retry(after=5), Reschedule), (Snooze(5), Reschedule), (Reject("no"), Dead)],
)
async def test_what_a_task_asks_for(bench: Bench, signal: Exception, kind: type[Outcome]) -> None:
    async def ask() -> None:
        raise signal

    assert isinstance(await bench.execute(ask), kind)


async def test_a_value_that_cannot_be_encoded_is_a_dead_letter(bench: Bench) -> None:
    async def give() -> object:
        return object()

    outcome = await bench.execute(give)
    assert isinstance(outcome, Dead)
    assert "ran to its end, but its result cannot be encoded" in outcome.reason


async def test_without_results_any_value_is_fine(bench: Bench) -> None:
    async def give() -> object:
        return object()

    outcome = await bench.execute(give, result_ttl=0)
    assert isinstance(outcome, Done)


# timeouts and cancellation


async def test_a_timeout_ends_an_attempt(bench: Bench) -> None:
    cleaned: list[str] = []

    async def sleepy() -> None:
        try:
            await bench.clock.sleep(60)
        finally:
            cleaned.append("up")

    _, task = bench.start(await bench.lease(sleepy, timeout=5))
    await bench.clock.advance(4.9)
    assert not task.done()
    await bench.clock.advance(0.2)
    assert failure_of(await task) == ("TimeoutError", "timed out after 5 s")
    assert cleaned == ["up"]


async def test_a_timeout_abandons_a_thread(bench: Bench) -> None:
    gate, begun = threading.Event(), threading.Event()

    def stuck() -> None:
        begun.set()
        gate.wait()

    _, task = bench.start(await bench.lease(stuck, timeout=5))
    while not begun.is_set():
        await asyncio.sleep(0)
    await bench.clock.advance(5.1)
    assert failure_of(await task)[0] == "TimeoutError"
    assert bench.threads.busy == 1
    gate.set()


async def test_a_task_that_is_in_time_is_not_timed_out(bench: Bench) -> None:
    async def quick() -> str:
        return "done"

    assert value_of(await bench.execute(quick, timeout=5)) == "done"
    await bench.clock.advance(10)


async def test_what_a_task_does_about_its_timeout_is_its_own_affair(bench: Bench) -> None:
    async def stubborn() -> str:
        try:
            await bench.clock.sleep(60)
        except asyncio.CancelledError:
            return "finished all the same"
        return "slept"

    _, task = bench.start(await bench.lease(stubborn, timeout=5))
    await bench.clock.advance(5.1)
    assert value_of(await task) == "finished all the same"


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        (CancelReason.SHUTDOWN, Release),
        (CancelReason.CANCELLED, Done),
        (CancelReason.TIMEOUT, Reschedule),
        (CancelReason.LEASE_LOST, type(None)),
    ],
)
@pytest.mark.parametrize("cleanup", ["passes on", "raises"])
async def test_a_cancellation_ends_by_its_reason(
    bench: Bench, reason: CancelReason, kind: type[Any], cleanup: str
) -> None:
    async def work() -> None:
        try:
            await bench.clock.sleep(60)
        except asyncio.CancelledError:
            if cleanup == "raises":
                raise RuntimeError("while cleaning up") from None
            raise

    run, task = bench.start(await bench.lease(work))
    await bench.clock.settle()
    run.cancel(reason)
    outcome = await task
    assert isinstance(outcome, kind)
    if isinstance(outcome, Done):
        assert outcome.state is JobState.CANCELLED


# limits and ticks


async def test_a_task_over_its_own_limit_waits_or_is_given_back(bench: Bench) -> None:
    gate = asyncio.Event()
    inside: list[int] = []

    async def narrow(number: int) -> int:
        inside.append(number)
        await gate.wait()
        return number

    leases = [await bench.lease(narrow, number, concurrency=1) for number in range(3)]
    _, first = bench.start(leases[0])
    _, second = bench.start(leases[1])
    await bench.clock.settle()
    assert inside == [0]
    crowded = await bench.executor.execute(Run(leases[2]))
    assert isinstance(crowded, Reschedule)
    assert (crowded.attempt, crowded.meta) == (0, b"")
    assert 0.5 <= crowded.delay <= 1.0
    gate.set()
    assert [value_of(await first), value_of(await second)] == [0, 1]


async def test_waiting_for_the_limit_does_not_use_up_the_timeout(bench: Bench) -> None:
    gate = asyncio.Event()

    async def narrow() -> str:
        await gate.wait()
        return "done"

    _, first = bench.start(await bench.lease(narrow, concurrency=1))
    _, second = bench.start(await bench.lease(narrow, timeout=5))
    await bench.clock.advance(20)
    gate.set()
    assert (value_of(await first), value_of(await second)) == ("done", "done")


async def test_a_job_that_is_no_call_ends_without_one(bench: Bench) -> None:
    async def work() -> None:
        raise AssertionError

    lease = await bench.lease(work)
    lease.body = b"\xc1"
    assert isinstance(await bench.executor.execute(Run(lease)), Dead)
