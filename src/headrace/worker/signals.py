"""Requests to stop a process, and the signals that bring them."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial

SIGNALS = (signal.SIGTERM, signal.SIGINT)
"""What asks a process to stop."""

INTERRUPTED = 130
"""Exit code after the third of them: 128 + SIGINT, as shells have it."""


def exit_at_once() -> None:
    """End the process here and now."""
    os._exit(INTERRUPTED)


class Requests:
    """Counts the requests to stop: the first and the second ask, the third is the last word.

    One request can come by more than one way, as when systemd signals every process of a service
    and the supervisor passes on its own signal. So each way is counted by itself, and the highest
    count is what was asked.

    Args:
        stop: Called at the first and at the second request.
        at_last: Called at the third.
    """

    def __init__(
        self, stop: Callable[[], object], at_last: Callable[[], object] = exit_at_once
    ) -> None:
        self._stop = stop
        self._at_last = at_last
        self._by_way: Counter[str] = Counter()
        self._heeded = 0

    def come(self, way: str) -> None:
        """Note a request that came by this way, and heed it if it is a new one."""
        self._by_way[way] += 1
        if self._by_way[way] > self._heeded:
            self._heeded += 1
            (self._stop if self._heeded < 3 else self._at_last)()


@contextmanager
def listening(requests: Requests, hang_up: Callable[[], object] | None = None) -> Generator[None]:
    """Take each SIGTERM and SIGINT for a request to stop.

    Outside the main thread, where no signals arrive, it does nothing.

    Args:
        requests: Hears of them.
        hang_up: Called at each SIGHUP; if it is not given, that signal keeps its meaning.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heed = partial(requests.come, "signal")
    handlers: dict[int, Callable[[], object]] = dict.fromkeys(SIGNALS, heed)
    if hang_up is not None:
        handlers[signal.SIGHUP] = hang_up
    loop = asyncio.get_running_loop()
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)
