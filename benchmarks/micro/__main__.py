"""Measures the small steps that each job pays for, and compares them with what is stored.

    uv run python -m benchmarks.micro [--only TEXT] [--rounds 100] [--renew]

It exits 1 if a step costs more than twice its baseline, as a ratio to the reference operation. The
baseline of another Python is only shown: some steps cost twice as much from one to the next.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.micro import memory_store, nats_plugin, producing, redis_plugin, running
from benchmarks.micro.baseline import (
    LIMIT,
    STORED,
    THIS_PYTHON,
    Comparison,
    compare,
    nearest,
    read_baselines,
    renewed,
    write_baselines,
)
from benchmarks.micro.course import Course, Finding
from benchmarks.micro.subject import Subject

SUBJECTS: list[Subject] = [
    *producing.SUBJECTS,
    *running.SUBJECTS,
    *redis_plugin.SUBJECTS,
    *nats_plugin.SUBJECTS,
    *memory_store.SUBJECTS,
]

# In one process and in the order of the table, without what the tests ask for.
OPTIONS = (
    *("--override-ini", "addopts=--import-mode=importlib"),
    *("-p", "no:asyncio", "-p", "no:xdist", "-p", "no:randomly", "-p", "no:cacheprovider"),
    *("--assert=plain", "--quiet", "--no-header", "--benchmark-quiet"),
)


def measured(subjects: Sequence[Subject], rounds: int) -> dict[str, Finding]:
    """Return what subjects cost, by their names.

    Raises:
        SystemExit: 2, if one could not be measured.
    """
    course = Course(subjects, rounds)
    file = Path(__file__).with_name("measuring.py")
    if pytest.main([*OPTIONS, str(file)], plugins=[course]) != pytest.ExitCode.OK:
        sys.exit(2)
    return course.findings


def show(comparisons: Sequence[Comparison]) -> None:
    """Print the table."""
    print(f"\n{'':30} {'µs a job':>9} {'ratio':>8} {'baseline':>8} {'change':>8}")
    for one in comparisons:
        told = f"{one.baseline:8.3g} {one.change:7.2f}x" if one.baseline else f"{'none':>8}"
        mark = "  too much" if one.is_beyond else ""
        print(f"{one.name:30} {one.found.microseconds:9.2f} {one.found.ratio:8.3g} {told}{mark}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.micro")
    parser.add_argument("--only", default="", metavar="TEXT", help="those whose names hold it")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--baseline", type=Path, default=STORED, help="the file to compare with")
    parser.add_argument("--renew", action="store_true", help="store what is found")
    given = parser.parse_args(arguments)
    chosen = [one for one in SUBJECTS if given.only in one.name]
    if not chosen:
        parser.error(f"no step has {given.only!r} in its name")
    baselines = read_baselines(given.baseline)
    version = nearest(baselines, THIS_PYTHON)
    findings = measured(chosen, given.rounds)
    comparisons = compare(findings, baselines[version] if version else {})
    show(comparisons)
    print(f"\nPython {platform.python_version()}, {given.rounds} rounds, times of the processor")
    if given.renew:
        write_baselines(renewed(baselines, findings, whole=not given.only), given.baseline)
        return 0
    if version != THIS_PYTHON:
        print(f"Python {THIS_PYTHON} has no baseline: that of {version or 'none'} fails nobody")
        return 0
    beyond = [one.name for one in comparisons if one.is_beyond]
    if beyond:
        print(f"more than {LIMIT:g} times the baseline: {', '.join(beyond)}")
    return 1 if beyond else 0


if __name__ == "__main__":
    sys.exit(main())
