"""What a worker was asked to be."""

from __future__ import annotations

import os

from msgspec import Struct

from headrace.durations import Duration, seconds
from headrace.errors import InvalidOption

DEFAULT_THREADS = min(32, (os.cpu_count() or 1) + 4)
"""As many as `concurrent.futures.ThreadPoolExecutor` takes."""


class Settings(Struct, frozen=True, kw_only=True):
    """A worker's settings.

    Attributes:
        concurrency: Jobs at a time.
        grace: Seconds for which running jobs may go on after the worker was asked to stop.
        prefetch: Jobs to claim beyond the free slots; `None`: as many as run in the time of one
            short job, none while jobs are not short.
        max_stall: Seconds for which the event loop may be blocked before leases are let go.
        threads: Plain functions at a time.
        poll: Seconds for which one claim waits at an empty queue.
    """

    concurrency: int = 100
    grace: float = 25.0
    prefetch: int | None = None
    max_stall: float = 300.0
    threads: int = DEFAULT_THREADS
    poll: float = 2.0

    def __post_init__(self) -> None:
        if self.concurrency < 1 or self.threads < 1:
            message = "concurrency and threads are 1 or more"
            raise InvalidOption(message)
        if self.prefetch is not None and self.prefetch < 0:
            message = f"prefetch is 0 or more, not {self.prefetch}"
            raise InvalidOption(message)


def settings_from(
    concurrency: int,
    grace: Duration,
    prefetch: int | None,
    max_stall: Duration,
    threads: int | None,
) -> Settings:
    """Check settings as they are given at the face.

    Raises:
        InvalidOption: One makes no sense.
    """
    return Settings(
        concurrency=concurrency,
        grace=seconds(grace, name="grace"),
        prefetch=prefetch,
        max_stall=seconds(max_stall, name="max_stall"),
        threads=DEFAULT_THREADS if threads is None else threads,
    )
