"""Watches the worker's event loop from another thread, and says what blocks it."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Iterable, Sequence

from headrace.clock import SystemClock
from headrace.codec import decode_envelope
from headrace.errors import InvalidEnvelope
from headrace.job import Lease
from headrace.worker.heartbeat import Post
from headrace.worker.run import Run
from headrace.worker.stall import LOOK_EVERY, LoopState, Stall

logger: logging.Logger = logging.getLogger("headrace.worker")

# A thread beside a real event loop has real time: no test can move it.
_clock = SystemClock()


class Watch:
    """Asks an event loop to answer, again and again, and tells when it does not.

    It is made in the thread of the event loop that it watches, and runs in another one.

    Args:
        max_stall: Seconds of silence after which the leases are let go.
        held: The runs whose leases the worker holds, for each queue.
        post: How to reach the event loop.
    """

    def __init__(self, max_stall: float, held: Sequence[set[Run]], post: Post) -> None:
        self._stall = Stall(max_stall)
        self._held = held
        self._post = post
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._answered: float | None = None

    def bearable(self) -> bool:
        """Say whether leases are to be kept: the event loop has not been silent for too long."""
        return self._stall.state is not LoopState.LET_GO

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            self._answered = answered = None
            self._stall.ask(_clock.monotonic())
            self._post(self._answer)
            while answered is None:
                await _clock.sleep(LOOK_EVERY)
                answered = self._answered
                if self._stall.look(_clock.monotonic(), answered):
                    self._tell()

    def _answer(self) -> None:
        self._answered = _clock.monotonic()

    def _tell(self) -> None:
        facts: dict[str, object] = {"seconds": round(self._stall.silence, 1)}
        if self._stall.state is LoopState.RUNNING:
            logger.info("event loop runs again", extra=facts)
            return
        # `list` of a set is one C function: no other thread changes the set meanwhile.
        runs = [run for held in self._held for run in list(held)]
        facts.update(blocker(self._loop, self._thread, runs))
        if self._stall.state is LoopState.BLOCKED:
            logger.warning("event loop is blocked", extra=facts)
        else:
            logger.error("event loop is blocked for too long, leases are let go", extra=facts)


def blocker(loop: asyncio.AbstractEventLoop, thread: int, runs: Iterable[Run]) -> dict[str, object]:
    """Say what an event loop is busy with, asked from another thread.

    Args:
        loop: The event loop.
        thread: The identifier of its thread.
        runs: The jobs that it may be.

    Returns:
        `job_id`, `queue` and `task` of the job, if it is one of them and not a callback or a task
        of another kind; `where`: file, line and function of the innermost frame.
    """
    facts: dict[str, object] = {}
    current = asyncio.current_task(loop)
    if current is not None:
        name = current.get_name()
        for run in runs:
            if run.lease.id == name:
                facts.update(job_id=name, queue=run.lease.queue, task=_task_of(run.lease))
    # Private by its name only: it is documented, and the one way to see another thread.
    frame = sys._current_frames().get(thread)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    if frame is not None:
        code = frame.f_code
        facts["where"] = f"{code.co_filename}:{frame.f_lineno} {code.co_qualname}"
    return facts


def _task_of(lease: Lease) -> str:
    try:
        return decode_envelope(lease.body).task
    except InvalidEnvelope:
        return ""
