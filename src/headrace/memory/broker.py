"""The memory broker: queues that live in this process, on a clock that a test can move."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from itertools import count

from headrace.broker import Cancelled, Capability, Control, Held, QueueSpec, QueueStats
from headrace.clock import Clock, SystemClock
from headrace.errors import ConfigMismatch, InvalidURL, Unavailable
from headrace.finding import Finding, Verdict
from headrace.job import DeadJob, JobInfo, Lease, NewJob
from headrace.memory.liveness import Liveness
from headrace.memory.store import QueueStore
from headrace.outcome import Dead, Done, Outcome
from headrace.urls import redact_url, split_url

IDLE_STEP = 1.0
"""Seconds between two steps of housekeeping when nothing is due."""

ELSEWHERE = "choose a broker outside of this process by its URL"


class _Queue:
    """One queue: its jobs, those who wait for jobs, and those who wait for the end of one."""

    def __init__(self, spec: QueueSpec, clock: Clock) -> None:
        epoch = clock.time() - clock.monotonic()
        self.store = QueueStore(spec, epoch, self._ended)
        self.liveness = Liveness(clock, spec.lease / 10, self._step)
        self._clock = clock
        self.claimers: deque[asyncio.Future[None]] = deque()
        self.watchers: dict[str, list[asyncio.Future[None]]] = {}

    def lengthen(self) -> None:
        """Let leases last longer by the time for which the event loop stood still."""
        lost = self.liveness.lost_time()
        if lost:
            self.store.give_time(lost)

    def _step(self) -> bool:
        self.lengthen()
        self.store.step(self._clock.monotonic())
        return self.store.busy

    def wake(self, number: int) -> None:
        """Wake so many of those who wait for jobs."""
        for _ in range(min(number, len(self.claimers))):
            _resolve(self.claimers.popleft())

    def _ended(self, job_id: str) -> None:
        for watcher in self.watchers.pop(job_id, ()):
            _resolve(watcher)


class MemoryBroker:
    """A broker in this process, for tests, demos and local development.

    It keeps the whole contract: leases expire, deliveries count, delays wait. What it lacks it
    says in its capabilities: its jobs end with the process, and no other process sees them. All
    its callers must share one event loop at a time.

    Args:
        url: `memory://`. It has no options.
        clock: Where it gets its time from.

    Raises:
        InvalidURL: The URL has a host, a path or a query.

    Examples:
        >>> async with Queue(MemoryBroker()) as queue:  # what Queue("memory://") makes
        ...     (await queue.stats()).delayed
        0
    """

    def __init__(self, url: str = "memory://", *, clock: Clock | None = None) -> None:
        parts = split_url(url)
        if parts.netloc or parts.path.strip("/") or parts.query:
            message = f"memory:// has no host, path or options: {redact_url(url)}"
            raise InvalidURL(message)
        self.clock: Clock = clock or SystemClock()
        self._open = False
        self._queues: dict[str, _Queue] = {}
        self._fencing = count(1).__next__

    @property
    def capabilities(self) -> Capability:
        """What it can do beyond the contract."""
        exact = Capability.EXACT_CANCEL | Capability.EXACT_PURGE | Capability.EXACT_LOOKUP
        return Capability.RUNNING_STATE | exact

    def __repr__(self) -> str:
        return f"<MemoryBroker of {len(self._queues)} queues>"

    async def open(self) -> None:
        """Make it usable; see `Broker.open`."""
        self._open = True

    async def close(self) -> None:
        """Make it unusable until it is opened again; see `Broker.close`. The jobs stay."""
        self._open = False
        for queue in self._queues.values():
            queue.liveness.stop()

    async def declare(self, spec: QueueSpec) -> QueueSpec:
        """Create or verify a queue; see `Broker.declare`."""
        self._check_open()
        queue = self._queues.get(spec.name)
        if queue is None:
            queue = self._queues[spec.name] = _Queue(spec, self.clock)
        held = queue.store.spec
        if (held.lease, held.lanes) != (spec.lease, spec.lanes):
            message = (
                f"queue {spec.name!r} exists with lease={held.lease} and lanes={held.lanes}, "
                f"not lease={spec.lease} and lanes={spec.lanes}: its users must agree"
            )
            raise ConfigMismatch(message)
        return held

    async def queues(self) -> list[QueueSpec]:
        """Tell which queues were declared; see `Broker.queues`."""
        self._check_open()
        return [queue.store.spec for _, queue in sorted(self._queues.items())]

    async def examine(self) -> list[Finding]:
        """Say what it lacks; see `Broker.examine`."""
        return [
            Finding("connection", Verdict.OK, "in this process"),
            Finding("durability", Verdict.WARNING, "jobs end with this process", ELSEWHERE),
            Finding("sharing", Verdict.WARNING, "no other process sees its queues", ELSEWHERE),
        ]

    async def enqueue(self, queue: str, jobs: Sequence[NewJob], *, batch: str) -> list[str | None]:
        """Store jobs; see `Broker.enqueue`."""
        held = self._queue(queue)
        answer = held.store.enqueue(jobs, batch, self.clock.monotonic())
        held.wake(len(jobs))
        return answer

    async def claim(self, queue: str, worker: str, limit: int, wait: float) -> list[Lease]:
        """Lease jobs; see `Broker.claim`. A cancelled claim has taken nothing."""
        until = self.clock.monotonic() + wait
        while True:
            held = self._queue(queue)
            now = self.clock.monotonic()
            leases = held.store.claim(limit, now, self._fencing)
            if leases:
                held.liveness.watch()
            if leases or now >= until:
                return leases
            event = held.store.next_event()
            await self._wait_for_jobs(held, (until if event is None else min(until, event)) - now)

    async def _wait_for_jobs(self, queue: _Queue, seconds: float) -> None:
        """Return when there may be jobs, at the latest after so many seconds."""
        waiter = asyncio.get_running_loop().create_future()
        queue.claimers.append(waiter)
        timer = self.clock.call_later(max(seconds, 0.0), _resolve, waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                # A wake-up that a cancelled caller cannot use belongs to the next one.
                queue.wake(1)
            raise
        finally:
            timer.cancel()
            if waiter in queue.claimers:
                queue.claimers.remove(waiter)

    async def renew(self, leases: Sequence[Lease]) -> list[Held]:
        """Keep leases alive; see `Broker.renew`."""
        now = self.clock.monotonic()
        return [self._queue(lease.queue).store.renew(lease, now) for lease in leases]

    async def settle(self, outcomes: Sequence[Outcome]) -> list[bool]:
        """End deliveries; see `Broker.settle`."""
        now = self.clock.monotonic()
        answer: list[bool] = []
        for outcome in outcomes:
            queue = self._queue(outcome.lease.queue)
            answer.append(queue.store.settle(outcome, now))
            if not isinstance(outcome, Done | Dead):
                queue.wake(1)
        return answer

    async def cancel(self, queue: str, ids: Sequence[str]) -> list[Cancelled]:
        """Take jobs back; see `Broker.cancel`."""
        store, now = self._queue(queue).store, self.clock.monotonic()
        return [store.cancel(job_id, now) for job_id in ids]

    async def lookup(
        self, queue: str, ids: Sequence[str], *, wait: float = 0.0
    ) -> list[JobInfo | None]:
        """Tell what is known of jobs; see `Broker.lookup`."""
        until = self.clock.monotonic() + wait
        while True:
            held = self._queue(queue)
            now = self.clock.monotonic()
            held.store.step(now)
            infos = [held.store.info(job_id, now) for job_id in ids]
            if now >= until or any(info is None or info.state.final for info in infos):
                return infos
            await self._wait_for_end(held, ids, until - now)

    async def _wait_for_end(self, queue: _Queue, ids: Sequence[str], seconds: float) -> None:
        """Return when one of the jobs is over, at the latest after so many seconds."""
        watcher = asyncio.get_running_loop().create_future()
        for job_id in ids:
            queue.watchers.setdefault(job_id, []).append(watcher)
        timer = self.clock.call_later(seconds, _resolve, watcher)
        try:
            await watcher
        finally:
            timer.cancel()
            for job_id in ids:
                watchers = queue.watchers.get(job_id, [])
                if watcher in watchers:
                    watchers.remove(watcher)
                if not watchers:
                    queue.watchers.pop(job_id, None)

    async def stats(self, queue: str) -> QueueStats:
        """Count jobs; see `Broker.stats`."""
        return self._queue(queue).store.stats(self.clock.monotonic())

    async def control(self, queue: str, op: Control) -> int:
        """Pause, resume or purge; see `Broker.control`."""
        held = self._queue(queue)
        affected = held.store.control(op, self.clock.monotonic())
        held.wake(len(held.claimers))
        return affected

    async def dead(self, queue: str, *, after: str = "", limit: int = 100) -> list[DeadJob]:
        """Read dead letters; see `Broker.dead`."""
        return self._queue(queue).store.dead(after, limit)

    async def redrive(self, queue: str, ids: Sequence[str]) -> int:
        """Send dead letters back; see `Broker.redrive`."""
        held, now = self._queue(queue), self.clock.monotonic()
        count = sum(held.store.redrive(job_id, now) for job_id in ids)
        held.wake(count)
        return count

    async def maintain(self, queue: str, worker: str) -> float:
        """Do a step of housekeeping; see `Broker.maintain`."""
        held, now = self._queue(queue), self.clock.monotonic()
        held.store.step(now)
        held.store.sweep(now)
        held.wake(1)
        event = held.store.next_event()
        return IDLE_STEP if event is None else min(IDLE_STEP, max(0.0, event - now))

    def _check_open(self) -> None:
        if not self._open:
            message = "the memory broker is not open"
            raise Unavailable(message)

    def _queue(self, name: str) -> _Queue:
        """Return a queue, its leases lengthened by the time for which the loop stood still."""
        self._check_open()
        try:
            queue = self._queues[name]
        except KeyError:
            message = f"queue {name!r} is not declared"
            raise Unavailable(message) from None
        queue.lengthen()
        return queue


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
