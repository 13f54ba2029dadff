"""The machine on which a run takes place."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

from headrace.bench.record import Machine


def this_machine() -> Machine:
    """Describe it."""
    return Machine(
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        event_loop=f"uvloop {version('uvloop')}",
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor()
