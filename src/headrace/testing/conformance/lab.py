"""What the chapters share: a rig that the broker's author gives, and a lab to work in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from headrace.broker import Broker, Capability, QueueSpec, QueueStats
from headrace.clock import SystemClock
from headrace.ids import new_id
from headrace.job import JobInfo, JobState, Lease, NewJob
from headrace.outcome import Dead, Done, Outcome, Reschedule

T = TypeVar("T")

SOON = 5.0
"""Seconds, by the real clock."""


@dataclass(frozen=True, kw_only=True)
class Rig:
    """What the suite must know of a broker.

    Attributes:
        connect: Returns an unopened broker. Each call stands for another process: brokers from two
            calls see the same queues. A broker in one process may return the same object.
        advance: Lets so many seconds pass for the broker. Real servers: it sleeps.
        lease: Seconds that leases last in the tests. Long enough that a slow machine does not
            lose one by accident.
        patience: Seconds for which a claim waits for jobs that must come. 0 where nothing takes
            time.
        lag: Seconds for which the servers of a cluster may know less than the one that answered
            last, or for which counts may be behind.
        sweeps: Whether `maintain` finds the leases that ran out. Where the server finds them by
            itself, a cancelled job is over when it would be handed out again, not before.
        examples: How many random histories the model is checked against.
        secret: A password that stands in the broker's URL and that no finding may show, `""` if it
            needs none.
        unreachable: Returns an unopened broker for a server that does not answer, with `secret` in
            its URL; `None` where the server is always there.

    Examples:
        >>> clock = ManualClock()
        >>> broker = MemoryBroker(clock=clock)
        >>> rig = Rig(connect=lambda: broker, advance=clock.advance, patience=0, examples=100)
    """

    connect: Callable[[], Broker]
    advance: Callable[[float], Awaitable[None]] = SystemClock().sleep
    lease: float = 2.0
    patience: float = 2.0
    lag: float = 0.0
    sweeps: bool = True
    examples: int = 20
    secret: str = ""
    unreachable: Callable[[], Broker] | None = None


def job(job_id: str | None = None, **fields: Any) -> NewJob:
    """Return a job to be enqueued."""
    values: dict[str, Any] = {"body": b"body", **fields}
    return NewJob(id=new_id() if job_id is None else job_id, **values)


class Lab:
    """A queue of a test's own, and short words for what is done with it.

    A cancelled call leaves what the verbs of `Broker` leave that it stands for.

    Args:
        rig: Of the broker.
        broker: Opened.
        queue: Declared.

    Examples:
        >>> lab = Lab(Rig(connect=lambda: broker), broker, "mail")
        >>> await lab.done(lease)
        True
    """

    def __init__(self, rig: Rig, broker: Broker, queue: str) -> None:
        self.rig = rig
        self.broker = broker
        self.queue = queue

    def requires(self, capability: Capability) -> None:
        """Skip the test, visibly, if the broker does not declare a capability."""
        if capability not in self.broker.capabilities:
            pytest.skip(f"the broker does not declare {capability}")

    async def enqueue(self, *jobs: NewJob, batch: str | None = None) -> list[str | None]:
        """Store jobs as one batch."""
        return await self.broker.enqueue(self.queue, jobs, batch=batch or new_id())

    async def put(self, **fields: Any) -> str:
        """Store one job and return its id."""
        one = job(**fields)
        assert await self.enqueue(one) == [None]
        return one.id

    async def claim(self, limit: int = 10, worker: str = "worker-a") -> list[Lease]:
        """Lease jobs that are there, up to the limit, by as many claims as it takes."""
        leases: list[Lease] = []
        while len(leases) < limit:
            left = limit - len(leases)
            more = await self.broker.claim(self.queue, worker, left, self.rig.patience)
            assert len(more) <= left, "limit is a total"
            if not more:
                break
            leases += more
        return leases

    async def one(self, worker: str = "worker-a") -> Lease:
        """Lease the job that is there. A server under load may be late to hand it out."""
        wait = SOON if self.rig.patience else 0.0
        [lease] = await self.broker.claim(self.queue, worker, 1, wait)
        return lease

    async def none(self, worker: str = "worker-a") -> None:
        """Make sure that no job can be leased."""
        wait = min(self.rig.patience, self.rig.lease / 5)
        assert await self.broker.claim(self.queue, worker, 10, wait) == []

    async def settle(self, *outcomes: Outcome) -> list[bool]:
        """Settle leases."""
        return await self.broker.settle(outcomes)

    async def done(self, lease: Lease, result: bytes | None = None, ttl: float = 60.0) -> bool:
        """Settle one lease as done."""
        [counts] = await self.settle(Done(lease, result, ttl))
        return counts

    async def bury(self, lease: Lease, reason: str = "no good") -> bool:
        """Settle one lease as dead."""
        [counts] = await self.settle(Dead(lease, reason, b"history", lease.attempt + 1, b"why", 60))
        return counts

    async def retry(self, lease: Lease, delay: float = 0.0, meta: bytes = b"") -> bool:
        """Settle one lease as to be tried again."""
        [counts] = await self.settle(Reschedule(lease, delay, lease.attempt + 1, meta))
        return counts

    async def info(self, job_id: str) -> JobInfo | None:
        """Return what is known of a job."""
        [info] = await self.broker.lookup(self.queue, [job_id])
        return info

    async def gone(self, *job_ids: str) -> None:
        """Make sure that nothing is known of jobs, if the broker can tell; it may lag behind."""
        if Capability.EXACT_LOOKUP not in self.broker.capabilities:
            return
        until = self.broker.clock.monotonic() + self.rig.lag
        infos = await self.broker.lookup(self.queue, job_ids)
        while any(infos) and self.broker.clock.monotonic() < until:
            infos = await self.broker.lookup(self.queue, job_ids)
        assert infos == [None] * len(job_ids)

    async def state(self, job_id: str) -> JobState:
        """Return the state of a job."""
        info = await self.info(job_id)
        return JobState.UNKNOWN if info is None else info.state

    async def stats(self) -> QueueStats:
        """Count the jobs."""
        return await self.broker.stats(self.queue)

    async def advance(self, seconds: float) -> None:
        """Let time pass."""
        await self.rig.advance(seconds)

    async def lapse(self) -> None:
        """Let every lease that is held now run out."""
        await self.advance(self.rig.lease * 1.2)
        await self.broker.maintain(self.queue, "worker-of-the-lab")


async def soon(call: Awaitable[T]) -> T:
    """Wait for what must come soon: a broker that never answers fails, and does not hang."""
    async with asyncio.timeout(SOON):
        return await call


async def cancel_after(rounds: int, call: Awaitable[Any]) -> None:
    """Begin a call and cancel it after so many rounds of the event loop."""
    task = asyncio.ensure_future(call)
    for _ in range(rounds):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])


class Chapter:
    """Base of the chapters: the fixtures."""

    pytestmark: pytest.MarkDecorator = pytest.mark.anyio

    @pytest.fixture(params=["asyncio", "uvloop"])
    def anyio_backend(self, request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
        """Run every test on asyncio's own event loop and on uvloop."""
        uvloop = request.param == "uvloop"
        if uvloop:
            pytest.importorskip("uvloop")
        return "asyncio", {"use_uvloop": uvloop}

    @pytest.fixture
    def rig(self) -> Rig:
        """Give what the suite must know of your broker. Override it."""
        message = "override the fixture `rig`: see headrace.testing.conformance"
        raise NotImplementedError(message)

    @pytest.fixture
    async def lab(self, rig: Rig) -> AsyncIterator[Lab]:
        """A queue of the test's own."""
        broker = rig.connect()
        await broker.open()
        queue = f"q-{new_id()}"
        await broker.declare(QueueSpec(name=queue, lease=rig.lease))
        yield Lab(rig, broker, queue)
        await broker.close()
