from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from examples.cron_reports import queue
from tests.examples.conftest import Open
from tests.examples.terminal import Terminal


def test_the_sum_is_drawn_on_weekdays_at_seven() -> None:
    trigger = queue.schedules["sum_up"].trigger
    friday = datetime(2026, 10, 23, 7, tzinfo=ZoneInfo("Europe/Berlin"))
    # Clocks go back on the Sunday between.
    monday = datetime(2026, 10, 26, 7, tzinfo=ZoneInfo("Europe/Berlin"))
    assert trigger.after(int(friday.timestamp() * 1000)) == monday.timestamp() * 1000


def check_ticks(reports: Path, printed: int) -> None:
    """See that each tick of two seconds was reported, once, and none was left out."""
    names = [path.stem for path in reports.glob("cron-disk-*.txt")]
    ticks = sorted(int(name.removeprefix("cron-disk-")) for name in names)
    assert len(ticks) == printed
    assert ticks == list(range(ticks[0], ticks[-1] + 1, 2000))


def test_each_tick_is_one_report_however_many_workers_run(
    tmp_path: Path, terminal: Open, worker: Callable[..., Terminal]
) -> None:
    reports = tmp_path / "reports"
    working = worker("examples.cron_reports:queue --processes 2", REPORTS=str(reports))
    for _ in range(2):
        working.read_until("of the disk is used")
    command = "headrace enqueue examples.cron_reports:queue sum_up --wait 30"
    _, summary = terminal().run(command)
    assert "notes, the last one: " in summary
    assert "notes, the last one: " in (reports / "summary.txt").read_text()
    code, lines = working.interrupt()
    assert code == 0
    check_ticks(reports, 2 + sum("of the disk is used" in line for line in lines))


@pytest.mark.parametrize("url", ["memory://"])
def test_one_worker_needs_no_server(tmp_path: Path, worker: Callable[..., Terminal]) -> None:
    reports = tmp_path / "reports"
    working = worker("examples.cron_reports:queue", REPORTS=str(reports))
    working.read_until("of the disk is used")
    code, lines = working.interrupt()
    assert code == 0
    check_ticks(reports, 1 + sum("of the disk is used" in line for line in lines))
