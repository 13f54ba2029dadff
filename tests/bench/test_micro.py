"""The micro benchmarks: what is compared with what, and when that fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.micro.__main__ import SUBJECTS
from benchmarks.micro.baseline import (
    STORED,
    THIS_PYTHON,
    compare,
    nearest,
    read_baselines,
    renewed,
    write_baselines,
)
from benchmarks.micro.course import Course, Finding
from benchmarks.micro.reference import REFERENCE
from benchmarks.micro.subject import Subject, each

ROOT = Path(__file__).parent.parent.parent
STEP = "redis: read claimed jobs"


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    # pytest-benchmark times nothing in a worker of xdist, and would take the command for one.
    alone = {name: value for name, value in os.environ.items() if name != "PYTEST_XDIST_WORKER"}
    return subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        cwd=ROOT,
        env=alone,
        capture_output=True,
        check=False,
        text=True,
    )


def test_a_ratio_is_the_median_of_the_rounds_each_with_the_reference_beside_it() -> None:
    subject = Subject("step", each(int), jobs=10)
    course = Course([subject], rounds=3)
    course.keep(subject, [1.0, 2.0, 9.0], [2.0, 4.0, 3.0])
    found = course.findings["step"]
    assert found.microseconds == pytest.approx(0.2e6)
    assert found.ratio == pytest.approx(0.5 / 10 * REFERENCE.jobs)


@pytest.mark.parametrize(
    ("ratio", "is_beyond"), [(0.5, False), (1.99, False), (2.0, False), (2.01, True)]
)
def test_more_than_twice_the_baseline_is_beyond(ratio: float, is_beyond: bool) -> None:
    [one] = compare({"step": Finding(1.0, ratio)}, {"step": 1.0, "another": 1.0})
    assert one.change == ratio
    assert one.is_beyond is is_beyond


def test_what_was_not_measured_before_is_never_beyond() -> None:
    [one] = compare({"step": Finding(1.0, 99.0)}, {})
    assert one.change is None
    assert not one.is_beyond


def test_the_nearest_version_stands_in_for_one_that_is_missing() -> None:
    assert nearest([], "3.11") is None
    assert nearest(["3.9", "3.11", "3.13"], "3.11") == "3.11"
    assert nearest(["3.9", "3.11"], "3.14") == "3.11"


def test_renewing_forgets_what_is_measured_no_more_unless_only_some_was(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    assert read_baselines(file) == {}
    write_baselines({"3.9": {"a": 1.0}, THIS_PYTHON: {"b": 2.0}}, file)
    kept, found = read_baselines(file), {"c": Finding(1.0, 0.25)}
    assert renewed(kept, found, whole=True) == {"3.9": {"a": 1.0}, THIS_PYTHON: {"c": 0.25}}
    assert renewed(kept, found, whole=False)[THIS_PYTHON] == {"b": 2.0, "c": 0.25}


def test_each_step_has_a_name_of_its_own_and_a_baseline() -> None:
    names = {subject.name for subject in SUBJECTS}
    assert len(names) == len(SUBJECTS)
    baselines = read_baselines(STORED)
    assert baselines["3.11"].keys() == names  # the version that is measured at every change
    assert all(ratios.keys() <= names for ratios in baselines.values())


@pytest.mark.parametrize("subject", [*SUBJECTS, REFERENCE], ids=lambda subject: subject.name)
def test_each_step_can_be_repeated_in_rounds(subject: Subject) -> None:
    for _ in range(2):
        subject.prepare(3)()


def test_an_ordinary_run_of_pytest_collects_none_of_them() -> None:
    collected = run("pytest", "--collect-only", "-q", "-n0", "benchmarks")
    assert collected.returncode == pytest.ExitCode.NO_TESTS_COLLECTED


@pytest.mark.bounds
def test_a_step_that_is_slowed_beyond_the_limit_fails_and_one_below_does_not(
    tmp_path: Path,
) -> None:
    options = ("--only", STEP, "--rounds", "50", "--baseline", tmp_path / "baseline.json")
    stored = run("benchmarks.micro", *options, "--renew")
    assert stored.returncode == 0, stored.stdout + stored.stderr
    below = run("tests.bench.slowed", "0.5", *options)
    assert below.returncode == 0, below.stdout + below.stderr
    assert "too much" not in below.stdout
    beyond = run("tests.bench.slowed", "2.0", *options)
    assert beyond.returncode == 1, beyond.stdout + beyond.stderr
    assert f"more than 2 times the baseline: {STEP}" in beyond.stdout


def test_the_baseline_of_another_python_is_shown_and_fails_nobody(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    write_baselines({"3.9": {STEP: 0.0001}}, file)
    shown = run("benchmarks.micro", "--only", STEP, "--rounds", "2", "--baseline", file)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "too much" in shown.stdout
    assert f"Python {THIS_PYTHON} has no baseline: that of 3.9" in shown.stdout


@pytest.mark.parametrize("options", [("--only", STEP, "--rounds", "0"), ("--only", "no such step")])
def test_what_cannot_be_measured_is_no_slowdown(options: tuple[str, ...]) -> None:
    refused = run("benchmarks.micro", *options)
    assert refused.returncode == 2, refused.stdout + refused.stderr
