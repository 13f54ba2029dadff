"""One lease in the hands of a worker, and the reason for which it was stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum, auto

from headrace.job import Lease


class CancelReason(Enum):
    """Why a running job was cancelled. Set before the cancellation is sent; the first one wins."""

    TIMEOUT = auto()
    """Its attempt took longer than its timeout."""
    LEASE_LOST = auto()
    """Another worker has it now, or this one could not renew in time."""
    CANCELLED = auto()
    """Somebody asked to cancel the job."""
    SHUTDOWN = auto()
    """The worker stops."""


class Run:
    """A lease from its claim to its settlement.

    Attributes:
        lease: What was claimed.
        reason: Why it was cancelled, if it was.
        let_go_at: When its lease is no longer renewed although it still runs: it was cancelled
            and does not end, or its lease is lost. The heartbeat's own, from whichever thread.
        begun: Whether its code has begun.
        ended: Whether it ran and runs no more.
    """

    __slots__ = ("_task", "_waiting", "begun", "ended", "lease", "let_go_at", "reason")

    def __init__(self, lease: Lease) -> None:
        self.lease: Lease = lease
        self.reason: CancelReason | None = None
        self.let_go_at: float | None = None
        self.begun: bool = False
        self.ended: bool = False
        self._task: asyncio.Task[None] | None = None
        self._waiting: Callable[[Run], None] | None = None

    def wait(self, give_up: Callable[[Run], None]) -> None:
        """Say what to do if it is cancelled before it is started."""
        self._waiting = give_up

    def start(self, task: asyncio.Task[None]) -> None:
        """Say which asyncio task is to run it."""
        self._task = task
        self._waiting = None

    def begin(self) -> bool:
        """Let a cancellation reach its code from now on; tell whether there was none before.

        Until then it shows in `reason` alone: an asyncio task that is cancelled before its first
        step takes none, so that nobody would learn of its end.
        """
        self.begun = self.reason is None
        return self.begun

    def finish(self) -> None:
        """Say that it runs no more: a late cancellation finds nobody."""
        self._task = None
        self.ended = True

    def cancel(self, reason: CancelReason) -> None:
        """Stop it, unless it was stopped for another reason before."""
        if self.reason is None:
            self.reason = reason
            if self._task is not None:
                if self.begun:
                    self._task.cancel()
            elif self._waiting is not None:
                give_up, self._waiting = self._waiting, None
                give_up(self)
