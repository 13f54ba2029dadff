from __future__ import annotations

from typing import Any

import pytest

from headrace import (
    AsyncTask,
    CallNext,
    CurrentJob,
    DuplicateTask,
    InvalidArguments,
    InvalidOption,
    InvalidTask,
    Misfire,
    Queue,
    ThreadTask,
    UnknownTask,
)
from headrace.registry import Registry
from headrace.schedule import CronTrigger


@pytest.fixture
def registry() -> Registry:
    return Registry()


def test_tasks_are_made_with_and_without_arguments(registry: Registry) -> None:
    @registry.task
    async def bare() -> None: ...

    @registry.task(name="other", timeout=5, concurrency=4)
    def named() -> None: ...

    assert list(registry.tasks) == ["bare", "other"]
    assert isinstance(bare, AsyncTask)
    assert isinstance(named, ThreadTask)
    assert (named.defaults.timeout, named.implementation.concurrency) == (5.0, 4)


def test_a_name_is_taken_once(registry: Registry) -> None:
    @registry.task
    async def task() -> None: ...

    with pytest.raises(DuplicateTask, match="'task' already: give one of them another name="):
        registry.task(name="task")(lambda: None)


def test_what_has_no_name_wants_one(registry: Registry) -> None:
    with pytest.raises(InvalidTask, match="give the task a name="):
        registry.task(lambda: None)
    assert registry.task(name="fine")(lambda: None).name == "fine"


def test_a_task_is_no_function(registry: Registry) -> None:
    @registry.task
    async def there() -> None: ...

    with pytest.raises(InvalidTask, match="'there' is a task already: make one of its function"):
        Registry().task(there)


def test_a_bad_option_is_refused_before_the_function_is_seen(registry: Registry) -> None:
    with pytest.raises(InvalidOption, match="timeout"):
        registry.task(timeout=-1)


def test_a_function_is_scheduled(registry: Registry) -> None:
    @registry.cron("*/5 * * * *", timezone="Europe/Berlin", misfire="skip", misfire_grace=5)
    async def sweep() -> None: ...

    assert isinstance(sweep, AsyncTask)
    schedule = registry.schedules["sweep"]
    assert (schedule.task, schedule.misfire, schedule.grace) == ("sweep", Misfire.SKIP, 5.0)
    assert isinstance(schedule.trigger, CronTrigger)


def test_a_task_is_scheduled_more_than_once(registry: Registry) -> None:
    @registry.every(60, name="often")
    @registry.cron("0 0 * * *")
    @registry.task(timeout=5)
    def report() -> None: ...

    assert isinstance(report, ThreadTask)
    assert {name: schedule.task for name, schedule in registry.schedules.items()} == {
        "report": "report",
        "often": "report",
    }


@pytest.mark.parametrize("name", ["a.b", "x" * 41, "ä"])
def test_a_schedule_wants_a_short_plain_name(registry: Registry, name: str) -> None:
    with pytest.raises(InvalidOption, match="schedule's name"):
        registry.every(5)(registry.task(name=name)(lambda: None))


def test_a_schedule_name_is_taken_once(registry: Registry) -> None:
    task = registry.every(5)(registry.task(name="report")(lambda: None))
    with pytest.raises(DuplicateTask, match="schedule 'report' already"):
        registry.every(6)(task)


def test_a_task_of_another_queue_cannot_be_scheduled(registry: Registry) -> None:
    task = Registry().task(name="elsewhere")(lambda: None)
    with pytest.raises(UnknownTask, match="belongs to another queue"):
        registry.every(5)(task)


def test_schedules_that_make_no_sense(registry: Registry) -> None:
    with pytest.raises(InvalidOption):
        registry.cron("nonsense")
    with pytest.raises(InvalidOption):
        registry.every(0)
    with pytest.raises(InvalidOption, match="misfire"):
        registry.every(5, misfire="sometimes")  # type: ignore[arg-type]
    with pytest.raises(InvalidOption):
        registry.every(5, misfire_grace=-1)(registry.task(name="task")(lambda: None))


def test_compiling_finds_what_cannot_travel(registry: Registry) -> None:
    @registry.task
    async def good(value: int) -> None: ...

    registry.compile()

    @registry.task
    async def bad(value: "Nowhere") -> None: ...  # type: ignore[name-defined] # noqa: F821, UP037

    with pytest.raises(InvalidTask, match=r"task 'bad'.*'Nowhere'"):
        registry.compile()


def test_compiling_finds_schedules_that_miss_an_argument(registry: Registry) -> None:
    @registry.every(5)
    async def report(value: int) -> None: ...

    with pytest.raises(InvalidArguments, match="task 'report'"):
        registry.compile()


def test_annotations_may_name_what_comes_later(registry: Registry) -> None:
    @registry.task
    async def early(value: "Later") -> None: ...  # noqa: UP037

    registry.compile()


class Later:
    pass


def test_middleware_is_kept_in_its_order(registry: Registry) -> None:
    @registry.middleware
    async def outer(job: CurrentJob, call_next: CallNext) -> Any:
        return await call_next(job)

    @registry.middleware
    async def inner(job: CurrentJob, call_next: CallNext) -> Any:
        return await call_next(job)

    assert list(registry.layers) == [outer, inner]


def test_a_queue_is_a_registry() -> None:
    assert issubclass(Queue, Registry)
