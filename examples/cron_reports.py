"""Reports by the clock: one every two seconds, and one on weekdays at seven that sums them up.

Nobody enqueues anything: the workers keep the schedules, and however many run, each tick is one
job. So it runs on `memory://` too, which is what an unset `$HEADRACE_URL` means.

    headrace worker examples.cron_reports:queue
    cat reports/*

A report that cannot wait until seven, from another terminal (not on `memory://`):

    headrace enqueue examples.cron_reports:queue sum_up --wait 10
"""

import os
import shutil
from datetime import timedelta
from pathlib import Path

from headrace import Queue, current_job

FOLDER = Path(os.environ.get("REPORTS", "reports"))

queue = Queue(name="reports")


@queue.cron("*/2 * * * * *")  # six fields: the first one is for seconds
def disk() -> None:
    """Note how full the disk is."""
    FOLDER.mkdir(exist_ok=True)
    usage = shutil.disk_usage(FOLDER)
    note = f"{usage.used / usage.total:.1%} of the disk is used"
    # A job may run twice, if its worker is lost: it then writes the same file again.
    (FOLDER / f"{current_job().id}.txt").write_text(f"{note}\n")
    print(note)


@queue.cron("0 7 * * mon-fri", timezone="Europe/Berlin", misfire="skip", misfire_grace=3600)
@queue.task(timeout=timedelta(minutes=5))
def sum_up() -> str:
    """Say what was noted so far."""
    notes = [path.read_text().strip() for path in sorted(FOLDER.glob("cron-disk-*.txt"))]
    summary = f"{len(notes)} notes, the last one: {notes[-1] if notes else 'none'}"
    (FOLDER / "summary.txt").write_text(f"{summary}\n")
    return summary
