"""What the tortured workers run: tasks that tell the ledger what they do."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path

from headrace import Queue, RetryPolicy, current_job
from headrace.broker import Broker
from headrace.outcome import Outcome
from tests.torture.ledger import Kind, Ledger

URL, FOLDER, LEASE, NAME = "TORTURE_URL", "TORTURE_FOLDER", "TORTURE_LEASE", "TORTURE_QUEUE"


class OnPurpose(Exception):
    """What a task raises that was asked to fail."""


def witnessed(broker: Broker, ledger: Ledger) -> None:
    """Let a broker's answers to outcomes be written down."""
    settle = broker.settle

    async def told(outcomes: Sequence[Outcome]) -> list[bool]:
        for outcome in outcomes:
            ledger.note("settling", **_facts(outcome))
        answers = await settle(outcomes)
        for outcome, counts in zip(outcomes, answers, strict=True):
            ledger.note("settled", counts=counts, **_facts(outcome))
        return answers

    broker.settle = told  # type: ignore[method-assign]


def _facts(outcome: Outcome) -> dict[str, str | float]:
    lease = outcome.lease
    kind = type(outcome).__name__
    return {"job": lease.id, "fencing": lease.fencing, "outcome": kind}


class Tasks:
    """The tasks of a tortured queue.

    Args:
        queue: Theirs.
        ledger: Where they write.
    """

    def __init__(self, queue: Queue, ledger: Ledger) -> None:
        self._ledger = ledger
        policy = RetryPolicy(attempts=4, base=0.2, factor=2)
        self.work = queue.task(name="work", retry=policy)(self._work)
        self.poison = queue.task(name="poison")(self._poison)

    def _note(self, kind: Kind) -> None:
        job = current_job()
        self._ledger.note(
            kind,
            job=job.id,
            fencing=job.fencing,
            deliveries=job.deliveries,
            attempt=job.attempt,
        )

    async def _work(self, seconds: float, failures: int) -> int:
        """Take a while, and fail so many times before."""
        self._note("start")
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self._note("cancelled")
            raise
        if current_job().attempt <= failures:
            self._note("failed")
            raise OnPurpose
        self._note("end")
        return current_job().fencing

    async def _poison(self) -> None:
        """Take the worker down."""
        self._note("start")
        self._ledger.note("killed", victim=os.getpid())
        os.kill(os.getpid(), signal.SIGKILL)


def tortured() -> tuple[Queue, Tasks]:
    """Return the queue that the environment names, with its tasks."""
    queue = Queue(os.environ[URL], name=os.environ[NAME], lease=float(os.environ[LEASE]))
    ledger = Ledger(Path(os.environ[FOLDER]))
    witnessed(queue.broker, ledger)
    return queue, Tasks(queue, ledger)
