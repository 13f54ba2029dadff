"""A broker that wraps another one and fails when it is told to."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, TypeAlias, TypeVar

from headrace.broker import Broker, Cancelled, Capability, Control, Held, QueueSpec, QueueStats
from headrace.clock import Clock
from headrace.finding import Finding
from headrace.job import DeadJob, JobInfo, Lease, NewJob
from headrace.outcome import Outcome

T = TypeVar("T")

Verb: TypeAlias = Literal[
    "open",
    "close",
    "declare",
    "queues",
    "examine",
    "enqueue",
    "claim",
    "renew",
    "settle",
    "cancel",
    "lookup",
    "stats",
    "control",
    "dead",
    "redrive",
    "maintain",
]


class FaultyBroker:
    """A `Broker` for tests of what happens when a broker fails.

    Args:
        broker: What does the work.

    Attributes:
        calls: How often each verb was called.

    Examples:
        >>> faulty = FaultyBroker(MemoryBroker())
        >>> faulty.fail("enqueue", OutcomeUnknown("the reply was lost"), applied=True)
        >>> async with Queue(faulty) as queue:
        ...     job = await queue.enqueue("ship", 42)
        ...     faulty.calls["enqueue"], sum((await queue.stats()).ready)
        (2, 1)
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._faults: dict[str, deque[tuple[Exception, bool]]] = defaultdict(deque)
        self._gates: dict[str, asyncio.Event] = {}
        self.calls: Counter[str] = Counter()

    def fail(self, verb: Verb, error: Exception, *, times: int = 1, applied: bool = False) -> None:
        """Let the next calls of a verb raise.

        Args:
            verb: Which.
            error: What it raises.
            times: How many calls.
            applied: Whether the call is done before its reply is lost.
        """
        self._faults[verb].extend([(error, applied)] * times)

    def hold(self, verb: Verb) -> None:
        """Let calls of a verb wait, before they do anything, until `let_go`."""
        self._gates[verb] = asyncio.Event()

    def let_go(self, verb: Verb) -> None:
        """Let waiting calls of a verb go on."""
        self._gates.pop(verb).set()

    async def _do(self, verb: Verb, call: Callable[[], Awaitable[T]]) -> T:
        self.calls[verb] += 1
        if verb in self._gates:
            await self._gates[verb].wait()
        if not self._faults[verb]:
            return await call()
        error, applied = self._faults[verb].popleft()
        if applied:
            await call()
        raise error

    @property
    def capabilities(self) -> Capability:
        """Those of the broker within."""
        return self._broker.capabilities

    @property
    def clock(self) -> Clock:
        """That of the broker within."""
        return self._broker.clock

    async def open(self) -> None:
        """See `Broker.open`."""
        await self._do("open", self._broker.open)

    async def close(self) -> None:
        """See `Broker.close`."""
        await self._do("close", self._broker.close)

    async def declare(self, spec: QueueSpec) -> QueueSpec:
        """See `Broker.declare`."""
        return await self._do("declare", lambda: self._broker.declare(spec))

    async def queues(self) -> list[QueueSpec]:
        """See `Broker.queues`."""
        return await self._do("queues", self._broker.queues)

    async def examine(self) -> list[Finding]:
        """See `Broker.examine`. Unlike any other it raises, if it is told to."""
        return await self._do("examine", self._broker.examine)

    async def enqueue(self, queue: str, jobs: Sequence[NewJob], *, batch: str) -> list[str | None]:
        """See `Broker.enqueue`."""
        return await self._do("enqueue", lambda: self._broker.enqueue(queue, jobs, batch=batch))

    async def claim(self, queue: str, worker: str, limit: int, wait: float) -> list[Lease]:
        """See `Broker.claim`."""
        return await self._do("claim", lambda: self._broker.claim(queue, worker, limit, wait))

    async def renew(self, leases: Sequence[Lease]) -> list[Held]:
        """See `Broker.renew`."""
        return await self._do("renew", lambda: self._broker.renew(leases))

    async def settle(self, outcomes: Sequence[Outcome]) -> list[bool]:
        """See `Broker.settle`."""
        return await self._do("settle", lambda: self._broker.settle(outcomes))

    async def cancel(self, queue: str, ids: Sequence[str]) -> list[Cancelled]:
        """See `Broker.cancel`."""
        return await self._do("cancel", lambda: self._broker.cancel(queue, ids))

    async def lookup(
        self, queue: str, ids: Sequence[str], *, wait: float = 0.0
    ) -> list[JobInfo | None]:
        """See `Broker.lookup`."""
        return await self._do("lookup", lambda: self._broker.lookup(queue, ids, wait=wait))

    async def stats(self, queue: str) -> QueueStats:
        """See `Broker.stats`."""
        return await self._do("stats", lambda: self._broker.stats(queue))

    async def control(self, queue: str, op: Control) -> int:
        """See `Broker.control`."""
        return await self._do("control", lambda: self._broker.control(queue, op))

    async def dead(self, queue: str, *, after: str = "", limit: int = 100) -> list[DeadJob]:
        """See `Broker.dead`."""
        return await self._do("dead", lambda: self._broker.dead(queue, after=after, limit=limit))

    async def redrive(self, queue: str, ids: Sequence[str]) -> int:
        """See `Broker.redrive`."""
        return await self._do("redrive", lambda: self._broker.redrive(queue, ids))

    async def maintain(self, queue: str, worker: str) -> float:
        """See `Broker.maintain`."""
        return await self._do("maintain", lambda: self._broker.maintain(queue, worker))
