"""What the jobs of every peer do."""

from __future__ import annotations

import asyncio
import os
import time
from functools import cache
from pathlib import Path

from benchmarks.peers.kit.gauge import VARIABLE, Gauge

REST = 0.1
"""Seconds that a job of the workload *sleep* takes."""


@cache
def _gauge() -> Gauge:
    """Open the file that the environment names, once and as late as can be: producers have none."""
    gauge = Gauge(Path(os.environ[VARIABLE]))
    os.register_at_fork(after_in_child=gauge.forget)
    return gauge


def noop() -> None:
    """Count, and do nothing."""
    _gauge().count()


def mark(number: int) -> None:
    """Keep the moment."""
    _gauge().mark(number)


async def rest() -> None:
    """Wait for `REST`, then count."""
    _gauge().begin()
    await asyncio.sleep(REST)
    _gauge().count()


def rest_in_thread() -> None:
    """Wait for `REST` where jobs are no coroutines, then count."""
    _gauge().begin()
    time.sleep(REST)
    _gauge().count()
