"""A queue inside a test: real jobs on a real worker, and time that passes when it is told to."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager
from datetime import datetime
from typing import Any, ParamSpec, Self, TypeVar, Unpack, overload

from headrace.clock import Clock
from headrace.durations import Duration, seconds
from headrace.errors import UnknownTask
from headrace.queue import Queue
from headrace.task import Call, LocalTask, Task
from headrace.testing.enqueued import Enqueued, Expected, read
from headrace.testing.faults import FaultyBroker
from headrace.testing.process import WorkerSettings
from headrace.testing.rehearsal import rehearse
from headrace.testing.stage import Stage
from headrace.testing.twin import Twin

P = ParamSpec("P")
R = TypeVar("R")

LISTED = 20
"""Jobs that a failed assertion lists at most."""


class Harness(Twin):
    """A queue inside a test: its jobs lie in memory, and run when the test says so.

    It stands for the queue that it is given. For as long as it is open that queue, and each other
    one, works on the harness's broker: whatever the application enqueues arrives here, and runs on
    a real `Worker`. It need not be opened by the application, in whichever event loop that lives.

    Time is virtual: it passes only in `advance`, and there in no time. What it means for jobs to be
    retried, delayed, scheduled or left behind by a worker that died is what it means on a server.

    Use it by `async with`, or by `with` where there is no event loop. A cancelled call leaves time
    and jobs where they came.

    Args:
        *queues: Those of the application, closed; if there is none, a new one.
        start: The time at first; now, if it is not given.
        patience: Real seconds that a job may take, in which time stands still.
        **settings: `concurrency` and `threads`, as `Worker` has them.

    Attributes:
        faults: The broker, as a `FaultyBroker` that can be told to fail.

    Examples:
        >>> async def add(a: int, b: int) -> int:
        ...     return a + b
        >>> async with Harness() as trial:
        ...     job = await trial.enqueue(trial.task(add).options(delay=60), 40, 2)
        ...     await trial.advance(60)
        ...     await job.result()
        1
        42
    """

    def __init__(
        self,
        *queues: Queue,
        start: datetime | None = None,
        patience: Duration = 5.0,
        **settings: Unpack[WorkerSettings],
    ) -> None:
        self._queues = queues or (Queue("memory://"),)
        moment = None if start is None else start.timestamp()
        waits = seconds(patience, name="patience")
        self._stage = Stage(self._queues, moment, waits, settings)
        self.faults: FaultyBroker = self._stage.broker
        self._diversion = ExitStack()
        self._entered = 0
        super().__init__(self._queues[0], self.faults)

    @property
    def clock(self) -> Clock:
        """Virtual time. A job that sleeps by it sleeps until the test has let so much pass."""
        return self._stage.time

    def __repr__(self) -> str:
        return f"<Harness of {', '.join(repr(queue.name) for queue in self._queues)}>"

    # opening and closing

    def __enter__(self) -> Self:
        """Have the queues work here."""
        if not self._entered:
            both: list[Queue] = [self, *self._queues]
            with ExitStack() as stack:
                for queue in both:
                    stack.enter_context(queue.link.diverted(self.faults))
                self._diversion = stack.pop_all()
        self._entered += 1
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Have the queues work again where they did. Jobs that still run are cancelled."""
        self._entered -= 1
        if not self._entered:
            self._diversion.close()
            self._stage.abandon()

    async def open(self) -> None:
        """Have the queues work here. Each `open` wants its `close`.

        Raises:
            QueueClosed: One of them is open.
        """
        self.__enter__()

    async def close(self) -> None:
        """Have the queues work again where they did, when the worker has ended; see `stop`."""
        if self._entered == 1:
            await self.stop()
        if self._entered:
            self.__exit__()

    async def stop(self) -> None:
        """End the worker; when there is more to do, another one starts.

        Jobs that run are cancelled and given back, as by a worker that is asked twice to stop. What
        dead workers left standing is cancelled too, so that it ends before the test does.
        """
        await self._stage.stop()

    # what was enqueued

    def enqueued(self, task: Task[..., Any] | str | None = None) -> list[Enqueued]:
        """Return what was enqueued since the harness was made, whether or not it has run.

        Ticks of schedules are left out, and jobs that were not stored because they were duplicates.

        Args:
            task: Of which task, with those of its `options()` that matter; any, if not given.
        """
        queues = {queue.name: queue for queue in self._queues}
        entries = [entry for entry in self._stage.broker.entries if not entry.tick]
        jobs = [read(entry, queues[entry.queue]) for entry in entries]
        if task is None:
            return jobs
        expected = Expected(self._target(task), None)
        return [job for job in jobs if expected.fits(job)]

    @overload
    def assert_enqueued(self, task: Task[..., Any] | str, /) -> Enqueued: ...

    @overload
    def assert_enqueued(
        self, task: Task[P, Any], /, *args: P.args, **kwargs: P.kwargs
    ) -> Enqueued: ...

    @overload
    def assert_enqueued(self, task: str, /, *args: Any, **kwargs: Any) -> Enqueued: ...

    def assert_enqueued(self, task: Any, /, *args: Any, **kwargs: Any) -> Enqueued:
        """Assert that a job was enqueued since the harness was made, whether or not it has run.

        Args:
            task: Of which task, or its name. With `task.options(…)` the job must have these.
            *args: Its arguments. Without any, whatever they are: it is the task that counts. They
                are compared as the task gets them, defaults included; `unittest.mock.ANY` fits all.
            **kwargs: Its arguments.

        Returns:
            The last such job.

        Raises:
            AssertionError: There is none; the message lists those that there are.

        Examples:
            >>> async with Harness() as trial:
            ...     job = await trial.enqueue(trial.remote("ship").options(delay=60), 42)
            ...     print(trial.assert_enqueued("ship", 42))
            ship(42) with delay=60.0
        """
        __tracebackhide__ = True
        given = (args, kwargs) if args or kwargs else None
        expected = Expected(self._target(task), given)
        jobs = self.enqueued()
        for job in reversed(jobs):
            if expected.fits(job):
                return job
        raise AssertionError(_missing(expected, jobs))

    def _target(self, task: Task[..., Any] | str) -> Task[..., Any]:
        """Return a task by its name, or as it is here if it was named without its code."""
        if isinstance(task, LocalTask):
            return task
        name = task if isinstance(task, str) else task.name
        known = [queue.tasks[name] for queue in self._queues if name in queue.tasks]
        found = known[0] if known else self.remote(name)
        return found if isinstance(task, str) else found.options(**task.overrides)

    # running jobs

    async def drain(self, *, delayed: bool = False) -> int:
        """Run jobs until none is ready, those too that are enqueued meanwhile.

        No time passes: what is delayed, by its producer or to be retried, waits, and a job that
        sleeps by `clock` sleeps on.

        Args:
            delayed: Let time pass until all that is left are ticks of schedules.

        Returns:
            How many runs there were: a job that is tried twice counts twice.

        Raises:
            TimeoutError: A job took longer than the harness's patience, in real time.
            RuntimeError: The jobs come to no end, or the harness works in another event loop.
            HeadraceError: The worker does not come up, as `Worker.run` has it.
        """
        return await self._stage.drain(delayed=delayed)

    async def advance(self, duration: Duration) -> int:
        """Let time pass, and run jobs: each delay, retry and schedule at its moment.

        Before time goes on, the jobs that run end, or sleep by `clock`, or use up the harness's
        patience: over those that wait for anything else time passes.

        Args:
            duration: Virtual seconds, or a `timedelta`.

        Returns:
            How many runs there were: a job that is tried twice counts twice.

        Raises:
            RuntimeError: The jobs come to no end, or the harness works in another event loop.
            HeadraceError: The worker does not come up, as `Worker.run` has it.
        """
        return await self._stage.advance(seconds(duration, name="duration"))

    @asynccontextmanager
    async def working(self) -> AsyncGenerator[None]:
        """Run jobs as they come for as long as a block lasts, for code that waits for results.

        No time passes in it but in `advance`.
        """
        async with self._stage.working():
            yield

    async def crash(self) -> None:
        """Let the worker die as by SIGKILL, and another one take its place.

        The jobs that it has stand still where they are and have no outcome. They start again on the
        new worker when their leases end, one delivery later. What they run in threads, or as
        asyncio tasks of their own, goes on.

        A job may call it, through whatever it calls: it does not return there.
        """
        await self._stage.crash()

    @overload
    async def run_job(self, task: Task[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R: ...

    @overload
    async def run_job(
        self, call: Call[R], /, *, attempt: int = 1, deliveries: int = 1, middleware: bool = True
    ) -> R: ...

    async def run_job(self, task: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Run one job here and now, as a worker does, without any queue.

        Its arguments and its result are encoded and decoded, `current_job()` is there, and so are
        the middleware and the timeout, in virtual time. `task.options(…)` gives it headers, a
        `job_id` and more; a call, from `task.call(…)`, can be given its place in the job's life.

        Args:
            task: What to run, or a call of it.
            *args: Its arguments.
            **kwargs: Its arguments. With a call: `attempt` and `deliveries`, which count from 1,
                and `middleware=False` to leave that out.

        Returns:
            What it returned, as the caller of `JobHandle.result` would have it.

        Raises:
            BaseException: Whatever it raised, such as `Retry`, `Snooze` and `Reject`.
            TimeoutError: It took longer than its timeout.
            JobFailed: Its result cannot be encoded.
            InvalidArguments: They do not fit the task.
            UnknownTask: It is none of these queues'.

        Examples:
            >>> async def attempt() -> int:
            ...     return current_job().attempt
            >>> async with Harness() as trial:
            ...     await trial.run_job(trial.task(attempt).call(), attempt=4)
            4
        """
        call, place = _called(task, args, kwargs)
        return await rehearse(self._home(call), call, **place)

    def _home(self, call: Call[Any]) -> Queue:
        """Return the queue whose task is called."""
        for queue in self._queues:
            known = queue.tasks.get(call.task.name)
            if isinstance(call.task, LocalTask) and known is not None:
                if known.implementation is call.task.implementation:
                    return queue
        message = f"task {call.task.name!r} belongs to no queue of this harness"
        raise UnknownTask(message)


def _called(
    task: Task[..., Any] | Call[Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Call[Any], dict[str, Any]]:
    """Return the call that is to run, and what is said of its place in the job's life."""
    if isinstance(task, Call):
        return task, kwargs
    return task.call(*args, **kwargs), {}


def _missing(expected: Expected, jobs: list[Enqueued]) -> str:
    """Say that a job is missing, and which ones there are."""
    if not jobs:
        return f"{expected} was not enqueued, nothing was"
    first = f"\n  … {len(jobs) - LISTED} more before them" if len(jobs) > LISTED else ""
    listed = "".join(f"\n  {job}" for job in jobs[-LISTED:])
    return f"{expected} was not enqueued, but:{first}{listed}"
