"""The tasks, schedules and middleware of one queue."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Literal, ParamSpec, Protocol, TypeAlias, TypeVar, Unpack, cast, overload

from headrace.durations import Duration, seconds
from headrace.errors import DuplicateTask, InvalidOption, InvalidTask, UnknownTask
from headrace.ids import is_valid_id
from headrace.implementation import Implementation
from headrace.middleware import Middleware
from headrace.options import TaskOptions, checked
from headrace.schedule import CronTrigger, EveryTrigger, Misfire, Schedule, Trigger
from headrace.task import AsyncTask, LocalTask, Task, ThreadTask

P = ParamSpec("P")
R = TypeVar("R")
AnyTask = TypeVar("AnyTask", bound=Task[..., Any])
AnyMiddleware = TypeVar("AnyMiddleware", bound=Middleware)

MAX_SCHEDULE_NAME = 40
"""Characters; with the moment of a tick it must still fit into a job id."""

MisfirePolicy: TypeAlias = Misfire | Literal["latest", "all", "skip"]


class TaskDecorator(Protocol):
    """Makes a task of a function."""

    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...

    @overload
    def __call__(self, function: Callable[P, R], /) -> ThreadTask[P, R]: ...


class ScheduleDecorator(Protocol):
    """Schedules a task, or a function that it makes a task of."""

    @overload
    def __call__(self, function: AnyTask, /) -> AnyTask: ...

    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...

    @overload
    def __call__(self, function: Callable[P, R], /) -> ThreadTask[P, R]: ...


class Registry:
    """What a queue knows by name. `Queue` is one."""

    def __init__(self) -> None:
        self._tasks: dict[str, LocalTask[..., Any]] = {}
        self._schedules: dict[str, Schedule] = {}
        self._middleware: list[Middleware] = []

    @property
    def tasks(self) -> dict[str, LocalTask[..., Any]]:
        """The tasks by name."""
        return self._tasks

    @property
    def schedules(self) -> dict[str, Schedule]:
        """The schedules by name."""
        return self._schedules

    @overload
    def task(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...

    @overload
    def task(self, function: Callable[P, R], /) -> ThreadTask[P, R]: ...

    @overload
    def task(
        self,
        /,
        *,
        name: str | None = None,
        concurrency: int | None = None,
        **options: Unpack[TaskOptions],
    ) -> TaskDecorator: ...

    def task(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        name: str | None = None,
        concurrency: int | None = None,
        **options: Unpack[TaskOptions],
    ) -> Any:
        """Make a task of a function. Use it with or without arguments.

        Args:
            function: `async def`, or a plain function, which runs in a thread.
            name: What it is called on the wire; the function's own name if it is not given.
            concurrency: How many jobs of it one worker runs at a time.
            **options: For all its jobs: see `headrace.options.TaskOptions`.

        Raises:
            DuplicateTask: The queue has a task of that name.
            InvalidTask: The function cannot be a task.
            InvalidOption: An option makes no sense.

        Examples:
            >>> @queue.task(retry=RetryPolicy(attempts=5), timeout=30, concurrency=4)
            ... async def crawl(url: str) -> None: ...
            >>> crawl
            <AsyncTask 'crawl'>
        """
        defaults = checked(options)

        def decorate(function: Callable[..., Any]) -> LocalTask[..., Any]:
            if isinstance(function, Task):
                message = f"{function.name!r} is a task already: make one of its function"
                raise InvalidTask(message)
            code = Implementation(name or _name_of(function), function, concurrency)
            return self._add(code, defaults)

        return decorate if function is None else decorate(function)

    def cron(
        self,
        expression: str,
        *,
        timezone: str = "UTC",
        name: str | None = None,
        misfire: MisfirePolicy = Misfire.LATEST,
        misfire_grace: Duration = 60.0,
    ) -> ScheduleDecorator:
        """Run a task by a cron expression: one job for each tick, however many workers run.

        Args:
            expression: Five fields, or six with seconds first.
            timezone: A name from the IANA database.
            name: The schedule's name; the task's if it is not given.
            misfire: What becomes of ticks that were missed: see `Misfire`.
            misfire_grace: Seconds by which a tick may be late before `skip` drops it.

        Raises:
            InvalidOption: The expression, the zone or the name makes no sense.

        Examples:
            >>> @queue.cron("*/5 * * * *", timezone="Europe/Berlin")
            ... async def sweep() -> None: ...
        """
        trigger = CronTrigger(expression, timezone)
        return self._scheduled(trigger, name, Misfire(misfire), misfire_grace)

    def every(
        self,
        interval: Duration,
        *,
        name: str | None = None,
        misfire: MisfirePolicy = Misfire.LATEST,
        misfire_grace: Duration = 60.0,
    ) -> ScheduleDecorator:
        """Run a task at whole multiples of an interval since the epoch.

        Args:
            interval: At least 1 ms.
            name: The schedule's name; the task's if it is not given.
            misfire: What becomes of ticks that were missed: see `Misfire`.
            misfire_grace: Seconds by which a tick may be late before `skip` drops it.

        Raises:
            InvalidOption: The interval or the name makes no sense.

        Examples:
            >>> @queue.every(timedelta(minutes=5))
            ... async def ping() -> None: ...
        """
        return self._scheduled(EveryTrigger(interval), name, Misfire(misfire), misfire_grace)

    def middleware(self, layer: AnyMiddleware) -> AnyMiddleware:
        """Put a layer around every job of this queue. The first one is the outermost.

        Examples:
            >>> @queue.middleware
            ... async def doubled(job: CurrentJob, call_next: CallNext) -> Any:
            ...     return 2 * await call_next(job)
            >>> job = await queue.enqueue(send_email, "a@b.c", "hi")
            >>> await job.result(timeout=10)
            4
        """
        self._middleware.append(layer)
        return layer

    @property
    def layers(self) -> Sequence[Middleware]:
        """The middleware, outermost first."""
        return self._middleware

    def share(self, other: Registry) -> None:
        """Know what another one knows, now and later, in place of what this one knew."""
        self._tasks = other._tasks
        self._schedules = other._schedules
        self._middleware = other._middleware

    def compile(self) -> None:
        """Look at every signature now, so that a mistake shows at start-up.

        Raises:
            InvalidTask: An annotation cannot be resolved or cannot travel.
            InvalidArguments: A scheduled task cannot be called without arguments.
        """
        for task in self._tasks.values():
            _ = task.implementation.signature
        for schedule in self._schedules.values():
            self._tasks[schedule.task].call()

    def _add(self, code: Implementation, defaults: Mapping[str, Any]) -> LocalTask[..., Any]:
        name = code.task
        if name in self._tasks:
            message = f"there is a task {name!r} already: give one of them another name="
            raise DuplicateTask(message)
        if code.is_async:
            self._tasks[name] = AsyncTask[..., Any](code, defaults)
        else:
            self._tasks[name] = ThreadTask[..., Any](code, defaults)
        return self._tasks[name]

    def _scheduled(
        self, trigger: Trigger, name: str | None, misfire: Misfire, grace: Duration
    ) -> ScheduleDecorator:
        def decorate(function: Any) -> Any:
            is_task = isinstance(function, Task)
            task = cast("LocalTask[..., Any]", function if is_task else self.task(function))
            schedule = Schedule(
                name=name or task.name,
                task=task.name,
                trigger=trigger,
                misfire=misfire,
                grace=seconds(grace, name="misfire_grace"),
            )
            self._add_schedule(schedule)
            return task

        return decorate

    def _add_schedule(self, schedule: Schedule) -> None:
        name = schedule.name
        if self._tasks.get(schedule.task) is None:
            message = f"task {schedule.task!r} belongs to another queue"
            raise UnknownTask(message)
        if len(name) > MAX_SCHEDULE_NAME or not is_valid_id(name):
            message = (
                f"a schedule's name is 1 to {MAX_SCHEDULE_NAME} of A-Z a-z 0-9 _ -, not {name!r}: "
                "give it a name="
            )
            raise InvalidOption(message)
        if name in self._schedules:
            message = f"there is a schedule {name!r} already: give one of them another name="
            raise DuplicateTask(message)
        self._schedules[name] = schedule


def _name_of(function: Callable[..., Any]) -> str:
    name = getattr(function, "__name__", "")
    if not name or name == "<lambda>":
        message = f"{function!r} has no name: give the task a name="
        raise InvalidTask(message)
    return str(name)
