"""Where a run takes place, and with what."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Collection, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, entry_points, version
from pathlib import Path

from headrace.bench.record import Machine
from headrace.plugins import GROUP, pick
from headrace.urls import split_url

_NAME = re.compile(r"[A-Za-z0-9._-]+")


def this_machine() -> Machine:
    """Return the facts of this machine."""
    return Machine(
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        processor=_processor(),
        cores=_cores(),
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        event_loop=_event_loop(),
    )


def load() -> float:
    """Return the machine's load average over a minute."""
    return os.getloadavg()[0]


def versions(urls: Collection[str]) -> dict[str, str]:
    """Return the versions of Headrace, of the brokers' plug-ins and of what they stand on.

    Args:
        urls: Of the brokers.
    """
    found = {"headrace": version("headrace")}
    for name in ("msgspec", "orjson", "uvloop", "hiredis"):
        found.update(_installed(name))
    for url in urls:
        entry = pick(split_url(url).scheme, entry_points(group=GROUP))
        if entry.dist is not None and entry.dist.name != "headrace":
            found[entry.dist.name] = entry.dist.version
            for name in _requirements(entry.dist):
                found.update(_installed(name))
    return dict(sorted(found.items()))


def _requirements(distribution: Distribution) -> Iterator[str]:
    for requirement in distribution.requires or ():
        name = _NAME.match(requirement)
        if name is not None:
            yield name.group()


def _installed(name: str) -> dict[str, str]:
    try:
        return {name: version(name)}
    except PackageNotFoundError:
        return {}


def _event_loop() -> str:
    installed = _installed("uvloop")
    return f"uvloop {installed['uvloop']}" if installed else "asyncio"


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def _processor() -> str:
    try:
        facts = Path("/proc/cpuinfo").read_text()
    except OSError:
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        try:
            told = subprocess.run(command, capture_output=True, check=True, text=True)  # noqa: S603
        except (OSError, subprocess.CalledProcessError):
            return platform.processor()
        return told.stdout.strip()
    names = re.findall(r"^model name\s*:\s*(.+)$", facts, re.MULTILINE)
    return str(names[0]) if names else platform.processor()
