"""Signals to a worker process."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

SIGNALS = (signal.SIGTERM, signal.SIGINT)
"""What asks a worker to stop."""

INTERRUPTED = 130
"""Exit code after the third of them: 128 + SIGINT, as shells have it."""


@contextmanager
def listening(stop: Callable[[], None]) -> Generator[None]:
    """Call `stop` at the first and the second signal; the third ends the process at once.

    Outside the main thread, where no signals arrive, it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received = 0

    def heed() -> None:
        nonlocal received
        received += 1
        if received > 2:
            os._exit(INTERRUPTED)
        stop()

    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, heed)
    try:
        yield
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
