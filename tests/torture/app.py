"""What the tortured workers run: tasks that tell the ledger what they do."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from headrace import JobState, Queue, RetryPolicy, current_job
from headrace.broker import Broker
from headrace.job import Lease
from headrace.outcome import Dead, Done, Outcome, Reschedule
from tests.torture.ledger import CLOCK, Kind, Ledger

RETRY = RetryPolicy(attempts=4, base=0.2, factor=2, jitter=0.5)


class OnPurpose(Exception):
    """What a task raises that was asked to fail."""


class Evil(BaseException):
    """An error that cannot even be shown."""

    def __str__(self) -> str:
        raise OnPurpose

    __repr__ = __str__


def recurse() -> None:
    recurse()


def throw(error: BaseException) -> None:
    raise error


ZOO: Mapping[str, Callable[[], Any]] = {
    "exception": lambda: throw(OnPurpose("plain")),
    "base exception": lambda: throw(GeneratorExit()),
    "exit": lambda: throw(SystemExit(3)),
    "interrupt": lambda: throw(KeyboardInterrupt()),
    "cancelled": lambda: throw(asyncio.CancelledError()),
    "group": lambda: throw(BaseExceptionGroup("many", [OnPurpose(), KeyboardInterrupt()])),
    "recursion": recurse,
    "memory": lambda: throw(MemoryError()),
    "huge message": lambda: throw(OnPurpose("x" * (8 << 20))),
    "hostile message": lambda: throw(OnPurpose("\x1b[31m\n\ud800\0")),
    "evil": lambda: throw(Evil()),
    "generator": lambda: (number for number in range(3)),
    "object": object,
    "huge result": lambda: "x" * (2 << 20),
    "surrogate": lambda: "\ud800",
    "huge number": lambda: 1 << 70,
    "own reference": lambda: throw(_of_itself()),
}
"""What code can do that ends badly: each is one outcome, after one attempt, and no worker dies."""


def _of_itself() -> BaseException:
    error = OnPurpose()
    error.__cause__ = error
    return error


DEATHS: Mapping[str, Callable[[], object]] = {
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "exit": lambda: os._exit(1),
    "segmentation fault": lambda: ctypes.string_at(0),
}
"""How a job takes its process down."""


def witnessed(broker: Broker, ledger: Ledger) -> None:
    """Let it be written down what a broker hands out, and what it answers to outcomes."""
    claim, settle = broker.claim, broker.settle

    async def handed(queue: str, worker: str, limit: int, wait: float) -> list[Lease]:
        leases = await claim(queue, worker, limit, wait)
        for lease in leases:
            ledger.note(
                "claimed",
                job=lease.id,
                fencing=lease.fencing,
                deliveries=lease.deliveries,
                attempt=lease.attempt + 1,
            )
        return leases

    async def told(outcomes: Sequence[Outcome]) -> list[bool]:
        for outcome in outcomes:
            ledger.note("settling", **_facts(outcome))
        answers = await settle(outcomes)
        for outcome, counts in zip(outcomes, answers, strict=True):
            ledger.note("settled", counts=counts, **_facts(outcome))
        return answers

    broker.claim = handed  # type: ignore[method-assign]
    broker.settle = told  # type: ignore[method-assign]


def _facts(outcome: Outcome) -> dict[str, Any]:
    lease = outcome.lease
    match outcome:
        case Done():
            name = outcome.state.value
        case Dead():
            name = JobState.DEAD.value
        case Reschedule():
            name = "rescheduled"
        case _:
            name = "released"
    return {"job": lease.id, "fencing": lease.fencing, "outcome": name}


class Tasks:
    """The tasks of a tortured queue.

    Args:
        queue: Theirs.
        ledger: Where they write.
    """

    def __init__(self, queue: Queue, ledger: Ledger) -> None:
        self._ledger = ledger
        self.work = queue.task(name="work", retry=RETRY)(self._work)
        self.block = queue.task(name="block")(self._block)
        self.stubborn = queue.task(name="stubborn")(self._stubborn)
        self.strange = queue.task(name="strange", retry=None)(self._strange)
        self.poison = queue.task(name="poison", result_ttl=60)(self._poison)
        queue.every(1.0, name="tick")(queue.task(name="tick")(self._tick))

    def _note(self, kind: Kind, *, stubborn: bool = False) -> list[Any]:
        job = current_job()
        self._ledger.note(
            kind,
            job=job.id,
            task=job.task,
            fencing=job.fencing,
            deliveries=job.deliveries,
            attempt=job.attempt,
            stubborn=stubborn,
        )
        return [job.id, job.fencing]

    async def _work(self, seconds: float, failures: int, ballast: bytes = b"") -> list[Any]:
        """Take a while, and fail so many times before."""
        del ballast
        self._note("start")
        try:
            await CLOCK.sleep(seconds)
        except asyncio.CancelledError:
            self._note("interrupted")
            raise
        if current_job().attempt <= failures:
            self._note("failed")
            raise OnPurpose
        return self._note("end")

    async def _block(self, seconds: float) -> list[Any]:
        """Block the event loop, as code does that was not written for one."""
        self._note("start")
        threading.Event().wait(seconds)
        return self._note("end")

    async def _stubborn(self, seconds: float) -> list[Any]:
        """Refuse to be cancelled."""
        self._note("start", stubborn=True)
        end = asyncio.get_running_loop().time() + seconds
        while (left := end - asyncio.get_running_loop().time()) > 0:
            try:
                await CLOCK.sleep(left)
            except asyncio.CancelledError:
                continue
        return self._note("end")

    async def _strange(self, what: str) -> Any:
        """End as nobody should."""
        self._note("start")
        self._note("failed")
        return ZOO[what]()

    async def _poison(self, death: str) -> None:
        """Take the worker down."""
        self._note("start")
        self._ledger.note("killed", victim=os.getpid())
        DEATHS[death]()

    async def _tick(self) -> list[Any]:
        self._note("start")
        return self._note("end")
