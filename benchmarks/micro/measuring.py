"""The measurement: rounds of a subject and of the reference in turn, timed by pytest-benchmark.

`python -m benchmarks.micro` runs it; an ordinary run of pytest does not look here.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from time import thread_time
from typing import Any

import pytest

from benchmarks.micro.course import Course
from benchmarks.micro.reference import REFERENCE
from benchmarks.micro.subject import Round, Subject

WARM_UP = 5
"""Rounds that are not counted."""


@pytest.fixture
def no_collection() -> Iterator[None]:
    """Keep the collector out of rounds whose turn it is not."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


# The time of this thread on a processor: what others do meanwhile is not counted.
@pytest.mark.benchmark(timer=thread_time)
@pytest.mark.usefixtures("no_collection")
def test_what_it_costs(subject: Subject, course: Course, benchmark: Any) -> None:
    """Time rounds of the reference and of the subject in turn."""
    reference = REFERENCE.prepare(REFERENCE.jobs)
    references: list[float] = []

    def begin() -> tuple[tuple[Round], dict[str, object]]:
        turn = subject.prepare(subject.jobs)
        began = thread_time()
        reference()
        references.append(thread_time() - began)
        return (turn,), {}

    benchmark.pedantic(_take_turn, setup=begin, rounds=course.rounds, warmup_rounds=WARM_UP)
    course.keep(subject, benchmark.stats.stats.data, references[WARM_UP:])


def _take_turn(turn: Round) -> None:
    turn()
