"""In which order things are measured, and what is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import ClassVar

import pytest

from headrace.bench.draining import Draining
from headrace.bench.failing import Failing
from headrace.bench.figure import Figure, throughput
from headrace.bench.floors import EventLoopFloor
from headrace.bench.memory import Memory
from headrace.bench.record import Variant
from headrace.bench.scaling import Scaling, doubled
from headrace.bench.subject import Floor, Subject
from headrace.bench.suite import NAMES, Suite, full, quick, steps
from headrace.bench.tally import Tally, new_tally
from headrace.bench.workload import Workload


class Two(Workload, frozen=True):
    name: ClassVar[str] = "two"

    def variants(self, subject: Subject) -> Sequence[Variant]:
        return [{"way": "a"}, {"way": "b"}] if subject.name == "x" else [{"way": "a"}]

    async def measure(self, subject: Subject, variant: Variant) -> list[Figure]:
        return [throughput(100, 1.0), Figure("cost", 1.0, "µs", "lower", {"stage": "claim"})]


class Long(Two, frozen=True):
    name: ClassVar[str] = "long"
    once: ClassVar[bool] = True


class Endless(Two, frozen=True):
    name: ClassVar[str] = "endless"

    async def measure(self, subject: Subject, variant: Variant) -> list[Figure]:
        await asyncio.get_running_loop().create_future()
        return []


@pytest.fixture
def tally() -> Iterator[Tally]:
    with new_tally() as made:
        yield made


def subject(name: str, tally: Tally, floor: Floor | None = None) -> Subject:
    return Subject(name, "memory://", tally, floor=floor)


def test_subjects_take_turns_within_each_repetition(tally: Tally) -> None:
    subjects = [subject("x", tally), subject("y", tally)]
    planned = [
        (step.repetition, step.workload.name, step.variant["way"], step.subject.name)
        for step in steps(2, [Two(), Long()], subjects)
    ]
    once = [("two", "a", "x"), ("two", "a", "y"), ("two", "b", "x")]
    last = [("long", "a", "x"), ("long", "a", "y"), ("long", "b", "x")]
    assert planned == [
        *((0, *step) for step in once),
        *((1, *step) for step in once),
        *((1, *step) for step in last),
    ]


async def test_a_series_has_a_value_for_each_repetition(tally: Tally) -> None:
    floor = EventLoopFloor(100)
    suite = Suite([subject("y", tally, floor)], [Two(), Draining((1,), (), 10)], 3)
    taken: list[None] = []
    await suite.run(lambda: taken.append(None))
    assert (suite.complete, len(taken)) == (True, 6)
    found = {(one.workload, one.metric): one for one in suite.series}
    assert found["two", "throughput"].values == [100.0] * 3
    assert found["two", "throughput"].floor == []
    assert found["two", "cost"].variant == {"way": "a", "stage": "claim"}
    drained = found["drain", "throughput"]
    assert (len(drained.values), len(drained.floor)) == (3, 3)
    assert found["drain", "cpu"].floor == []


async def test_what_is_done_stays_when_it_is_cancelled(tally: Tally) -> None:
    suite = Suite([subject("y", tally)], [Two(), Endless()], 1)
    first = asyncio.Event()
    running = asyncio.create_task(suite.run(first.set))
    await first.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not suite.complete
    assert [one.workload for one in suite.series] == ["two", "two"]


async def test_dead_letters_are_exact_after_jobs_that_fail(tally: Tally) -> None:
    suite = Suite([subject("y", tally)], [Failing(jobs=50)], 1)
    await suite.run(lambda: None)
    found = {one.metric: one.values for one in suite.series}
    assert found["dead letters"] == [10.0]
    assert (found["misplaced"], found["completion"]) == ([0.0], [100.0])


async def test_a_broker_in_this_process_has_no_worker_processes_and_can_be_weighed(
    tally: Tally,
) -> None:
    here = subject("memory", tally)
    assert Scaling().variants(here) == []
    async with here:
        [weight] = await Memory(jobs=200).measure(here, {"of": "queued job"})
    assert 50 < weight.value < 5_000


@pytest.mark.parametrize(("most", "numbers"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6])])
def test_worker_processes_are_doubled_up_to_the_most(most: int, numbers: list[int]) -> None:
    assert doubled(most) == numbers


def test_a_quick_look_has_the_same_workloads() -> None:
    assert [each.name for each in quick(2)] == [each.name for each in full(2)] == list(NAMES)
