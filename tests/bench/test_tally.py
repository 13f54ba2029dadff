"""What processes count together, and what a process has used."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from headrace.bench.process import Process, _seconds
from headrace.bench.tally import MOMENTS, SLOTS, new_tally, tally_of

WORK = """
from headrace.bench.tally import tally_of
tally = tally_of()
for number in range(1000):
    tally.finish()
tally.stamp(int(tally_of.__defaults__[0]["HEADRACE_BENCH_SLOT"]))
"""


def test_processes_count_together_without_losing_any() -> None:
    before = time.monotonic()
    with new_tally() as tally:
        processes = [
            subprocess.Popen([sys.executable, "-c", WORK], env={**os.environ, **tally.slot(slot)})
            for slot in range(3)
        ]
        assert [process.wait() for process in processes] == [0, 0, 0]
        assert tally.finished == 3_000
        assert tally.first is not None
        assert before < tally.first < time.monotonic()
        assert tally.first <= min(tally.moments(3))


def test_a_cleared_tally_has_forgotten_everything() -> None:
    with new_tally() as tally:
        tally.finish()
        tally.stamp(0)
        tally.clear()
        assert (tally.finished, tally.first, tally.moments(2)) == (0, None, [0.0, 0.0])


def test_the_file_ends_with_the_block() -> None:
    with new_tally() as tally:
        environment = tally.slot(SLOTS - 1)
    assert not tally.path.exists()
    with pytest.raises(FileNotFoundError):
        tally_of(environment)


def test_there_are_so_many_slots_and_moments_and_no_more() -> None:
    with new_tally() as tally:
        with pytest.raises(ValueError, match="64 slots"):
            tally.slot(SLOTS)
        tally.stamp(MOMENTS - 1)
        with pytest.raises(IndexError):
            tally.stamp(MOMENTS)


def test_a_process_tells_what_it_has_used() -> None:
    this = Process(os.getpid())
    used = this.cpu
    while this.cpu == used:
        sum(range(10_000))
    assert this.cpu > used
    assert this.rss > 5


def test_of_a_process_that_has_ended_nothing_is_known() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with pytest.raises(OSError, match=str(ended.pid)):
        _ = Process(ended.pid).cpu


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0:00.52", 0.52), ("3:04", 184), ("1:02:03", 3723), ("2-00:00:01\n", 172801)],
)
def test_the_times_of_ps_are_read(text: str, seconds: float) -> None:
    assert _seconds(text) == pytest.approx(seconds)
