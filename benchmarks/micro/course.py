"""One run of the measurement, as a plug-in of pytest: what is measured, and what was found."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import pytest
from msgspec import Struct

from benchmarks.micro.reference import REFERENCE
from benchmarks.micro.subject import Subject


class Finding(Struct, frozen=True):
    """What one step costs.

    Attributes:
        microseconds: Of processor time for each job.
        ratio: How many times as much as the reference operation.
    """

    microseconds: float
    ratio: float


class Course:
    """Hands subjects to the measurement and keeps what it finds.

    Args:
        subjects: What is to be measured.
        rounds: Of each.
    """

    def __init__(self, subjects: Sequence[Subject], rounds: int) -> None:
        self.rounds = rounds
        self.findings: dict[str, Finding] = {}
        self._subjects = subjects

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Measure each subject."""
        metafunc.parametrize("subject", self._subjects, ids=lambda subject: subject.name)

    @pytest.fixture
    def course(self) -> Course:
        """Return where findings go."""
        return self

    def keep(self, subject: Subject, turns: Sequence[float], references: Sequence[float]) -> None:
        """Note what rounds took, in seconds, each beside the round of the reference before it.

        The ratio is the median of those of the rounds. The least of them would be that of a round
        whose reference was disturbed; a median is moved by neither.
        """
        ratios = [one / other for one, other in zip(turns, references, strict=True)]
        self.findings[subject.name] = Finding(
            median(turns) / subject.jobs * 1e6,
            median(ratios) / subject.jobs * REFERENCE.jobs,
        )
