"""What is measured: a step of a job's way, done for many jobs in a round."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import repeat
from typing import TypeAlias

from msgspec import Struct

Round: TypeAlias = Callable[[], object]
"""Does the step for all jobs of a round."""


class Subject(Struct, frozen=True):
    """One step.

    Attributes:
        name: What it is called in the table and in the baseline.
        prepare: Makes a round for so many jobs; what it takes itself is not measured.
        jobs: In a round: as many as make it last some tenths of a millisecond.
    """

    name: str
    prepare: Callable[[int], Round]
    jobs: int = 200


def each(step: Callable[[], object]) -> Callable[[int], Round]:
    """Return what makes rounds of a step that does not change anything."""
    return lambda jobs: partial(_repeated, step, jobs)


def _repeated(step: Callable[[], object], times: int) -> None:
    for _ in repeat(None, times):
        step()
