"""The broker of a harness: it keeps what was enqueued and counts what ran."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import NamedTuple, TypeVar

from headrace.broker import Broker, QueueSpec
from headrace.codec import Envelope, decode_envelope
from headrace.job import JobInfo, NewJob
from headrace.outcome import Outcome, Release
from headrace.testing.faults import FaultyBroker, Verb
from headrace.testing.running import running_here, waiting

T = TypeVar("T")


class Entry(NamedTuple):
    """A job that was enqueued.

    Attributes:
        queue: Where.
        job: What.
        envelope: What its body says.
        at: When, by the wall time.
    """

    queue: str
    job: NewJob
    envelope: Envelope
    at: float

    @property
    def tick(self) -> bool:
        """Whether a schedule has made it."""
        settings = self.envelope.settings
        return settings is not None and settings.schedule is not None


class Recorder(FaultyBroker):
    """A broker that need not be opened, and that fails when it is told to.

    Args:
        broker: What does the work, in this process.
        specs: The queues to declare there.
        patience: Real seconds for which somebody waits for a job while nothing moves.

    Attributes:
        runs: How many deliveries had an outcome.
    """

    def __init__(self, broker: Broker, specs: Sequence[QueueSpec], patience: float) -> None:
        super().__init__(broker)
        self._undeclared = list(specs)
        self._patience = patience
        self._entries: dict[tuple[str, str], Entry] = {}
        self.runs: int = 0

    @property
    def entries(self) -> list[Entry]:
        """The jobs that were stored, in their order. One that was a duplicate was not."""
        return list(self._entries.values())

    async def _do(self, verb: Verb, call: Callable[[], Awaitable[T]]) -> T:
        while self._undeclared:
            await self._broker.open()
            await self._broker.declare(self._undeclared.pop())
        return await super()._do(verb, call)

    async def enqueue(self, queue: str, jobs: Sequence[NewJob], *, batch: str) -> list[str | None]:
        """See `Broker.enqueue`."""
        answers = await super().enqueue(queue, jobs, batch=batch)
        now = self.clock.time()
        for job, existing in zip(jobs, answers, strict=True):
            if existing is None:
                entry = Entry(queue, job, decode_envelope(job.body), now)
                self._entries.setdefault((batch, job.id), entry)
        return answers

    async def settle(self, outcomes: Sequence[Outcome]) -> list[bool]:
        """See `Broker.settle`."""
        answers = await super().settle(outcomes)
        for outcome, counts in zip(outcomes, answers, strict=True):
            self.runs += counts and not isinstance(outcome, Release)
        return answers

    async def lookup(
        self, queue: str, ids: Sequence[str], *, wait: float = 0.0
    ) -> list[JobInfo | None]:
        """See `Broker.lookup`."""
        if running_here() is not None:
            with waiting():
                return await super().lookup(queue, ids, wait=wait)
        moved, until = -1, self.clock.monotonic() + wait
        while moved != self.calls.total():
            # A wait in a test is for ever when nobody lets time pass, or jobs run.
            moved = self.calls.total() + 1
            with suppress(TimeoutError):
                async with asyncio.timeout(self._patience):
                    left = max(0.0, until - self.clock.monotonic())
                    return await super().lookup(queue, ids, wait=left)
        message = (
            f"waited {self._patience:g} s of real time for {', '.join(ids)}, and nothing moved: "
            "jobs run in drain() and advance(), or within working()"
        )
        raise RuntimeError(message)
