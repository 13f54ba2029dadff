"""The memory broker: queues that live in this process, on a clock that a test can move."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from itertools import count

from headrace.broker import Cancelled, Capability, Control, Held, QueueSpec, QueueStats
from headrace.clock import Clock, SystemClock
from headrace.errors import ConfigMismatch, InvalidURL, Unavailable
from headrace.job import DeadJob, JobInfo, Lease, NewJob
from headrace.memory.store import QueueStore
from headrace.outcome import Dead, Done, Outcome
from headrace.urls import redact_url, split_url

IDLE_STEP = 1.0
"""Seconds between two steps of housekeeping when nothing is due."""


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

    Example:
        `Queue(MemoryBroker())` is what `Queue("memory://")` makes.
    """

    def __init__(self, url: str = "memory://", *, clock: Clock | None = None) -> None:
        parts = split_url(url)
        if parts.netloc or parts.path.strip("/") or parts.query:
            message = f"memory:// has no host, path or options: {redact_url(url)}"
            raise InvalidURL(message)
        self.clock: Clock = clock or SystemClock()
        self._open = False
        self._stores: dict[str, QueueStore] = {}
        self._claimers: dict[str, deque[asyncio.Future[None]]] = {}
        self._watchers: dict[tuple[str, str], list[asyncio.Future[None]]] = {}
        self._fencing = count(1).__next__

    @property
    def capabilities(self) -> Capability:
        """What it can do beyond the contract."""
        return Capability.RUNNING_STATE | Capability.EXACT_CANCEL | Capability.EXACT_PURGE

    def __repr__(self) -> str:
        return f"<MemoryBroker of {len(self._stores)} queues>"

    async def open(self) -> None:
        """Make it usable; see `Broker.open`."""
        self._open = True

    async def close(self) -> None:
        """Make it unusable until it is opened again; see `Broker.close`. The jobs stay."""
        self._open = False

    async def declare(self, spec: QueueSpec) -> QueueSpec:
        """Create or verify a queue; see `Broker.declare`."""
        self._check_open()
        store = self._stores.get(spec.name)
        if store is None:
            epoch = self.clock.time() - self.clock.monotonic()
            store = QueueStore(spec, epoch, lambda job_id: self._wake_watchers(spec.name, job_id))
            self._stores[spec.name] = store
            self._claimers[spec.name] = deque()
        held = store.spec
        if (held.lease, held.lanes) != (spec.lease, spec.lanes):
            message = (
                f"queue {spec.name!r} exists with lease={held.lease} and lanes={held.lanes}, "
                f"not lease={spec.lease} and lanes={spec.lanes}: its users must agree"
            )
            raise ConfigMismatch(message)
        return held

    async def enqueue(self, queue: str, jobs: Sequence[NewJob], *, batch: str) -> list[str | None]:
        """Store jobs; see `Broker.enqueue`."""
        answer = self._store(queue).enqueue(jobs, batch, self.clock.monotonic())
        self._wake_claimers(queue, len(jobs))
        return answer

    async def claim(self, queue: str, worker: str, limit: int, wait: float) -> list[Lease]:
        """Lease jobs; see `Broker.claim`. A cancelled claim has taken nothing."""
        store = self._store(queue)
        until = self.clock.monotonic() + wait
        while True:
            now = self.clock.monotonic()
            leases = store.claim(limit, now, self._fencing)
            if leases or now >= until:
                return leases
            event = store.next_event()
            await self._wait_for_jobs(queue, min(until, until if event is None else event) - now)

    async def _wait_for_jobs(self, queue: str, seconds: float) -> None:
        """Return when there may be jobs, at the latest after so many seconds."""
        waiters = self._claimers[queue]
        waiter = asyncio.get_running_loop().create_future()
        waiters.append(waiter)
        timer = self.clock.call_later(max(seconds, 0.0), _resolve, waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                # A wake-up that a cancelled caller cannot use belongs to the next one.
                self._wake_claimers(queue, 1)
            raise
        finally:
            timer.cancel()
            if waiter in waiters:
                waiters.remove(waiter)

    async def renew(self, leases: Sequence[Lease]) -> list[Held]:
        """Keep leases alive; see `Broker.renew`."""
        now = self.clock.monotonic()
        return [self._store(lease.queue).renew(lease, now) for lease in leases]

    async def settle(self, outcomes: Sequence[Outcome]) -> list[bool]:
        """End deliveries; see `Broker.settle`."""
        now = self.clock.monotonic()
        answer = [self._store(outcome.lease.queue).settle(outcome, now) for outcome in outcomes]
        for outcome in outcomes:
            if not isinstance(outcome, Done | Dead):
                self._wake_claimers(outcome.lease.queue, 1)
        return answer

    async def cancel(self, queue: str, ids: Sequence[str]) -> list[Cancelled]:
        """Take jobs back; see `Broker.cancel`."""
        store, now = self._store(queue), self.clock.monotonic()
        return [store.cancel(job_id, now) for job_id in ids]

    async def lookup(
        self, queue: str, ids: Sequence[str], *, wait: float = 0.0
    ) -> list[JobInfo | None]:
        """Tell what is known of jobs; see `Broker.lookup`."""
        store = self._store(queue)
        until = self.clock.monotonic() + wait
        while True:
            now = self.clock.monotonic()
            store.step(now)
            infos = [store.info(job_id, now) for job_id in ids]
            if now >= until or any(info is None or info.state.final for info in infos):
                return infos
            await self._wait_for_end(queue, ids, until - now)

    async def _wait_for_end(self, queue: str, ids: Sequence[str], seconds: float) -> None:
        """Return when one of the jobs is over, at the latest after so many seconds."""
        watcher = asyncio.get_running_loop().create_future()
        for job_id in ids:
            self._watchers.setdefault((queue, job_id), []).append(watcher)
        timer = self.clock.call_later(seconds, _resolve, watcher)
        try:
            await watcher
        finally:
            timer.cancel()
            for job_id in ids:
                watchers = self._watchers.get((queue, job_id), [])
                if watcher in watchers:
                    watchers.remove(watcher)
                if not watchers:
                    self._watchers.pop((queue, job_id), None)

    async def stats(self, queue: str) -> QueueStats:
        """Count jobs; see `Broker.stats`."""
        return self._store(queue).stats(self.clock.monotonic())

    async def control(self, queue: str, op: Control) -> int:
        """Pause, resume or purge; see `Broker.control`."""
        affected = self._store(queue).control(op, self.clock.monotonic())
        self._wake_claimers(queue, len(self._claimers[queue]))
        return affected

    async def dead(self, queue: str, *, after: str = "", limit: int = 100) -> list[DeadJob]:
        """Read dead letters; see `Broker.dead`."""
        return self._store(queue).dead(after, limit)

    async def redrive(self, queue: str, ids: Sequence[str]) -> int:
        """Send dead letters back; see `Broker.redrive`."""
        store, now = self._store(queue), self.clock.monotonic()
        count = sum(store.redrive(job_id, now) for job_id in ids)
        self._wake_claimers(queue, count)
        return count

    async def maintain(self, queue: str, worker: str) -> float:
        """Do a step of housekeeping; see `Broker.maintain`."""
        store, now = self._store(queue), self.clock.monotonic()
        store.step(now)
        store.sweep(now)
        self._wake_claimers(queue, 1)
        event = store.next_event()
        return IDLE_STEP if event is None else min(IDLE_STEP, max(0.0, event - now))

    def _check_open(self) -> None:
        if not self._open:
            message = "the memory broker is not open"
            raise Unavailable(message)

    def _store(self, queue: str) -> QueueStore:
        self._check_open()
        try:
            return self._stores[queue]
        except KeyError:
            message = f"queue {queue!r} is not declared"
            raise Unavailable(message) from None

    def _wake_claimers(self, queue: str, number: int) -> None:
        waiters = self._claimers[queue]
        for _ in range(min(number, len(waiters))):
            _resolve(waiters.popleft())

    def _wake_watchers(self, queue: str, job_id: str) -> None:
        for watcher in self._watchers.pop((queue, job_id), ()):
            _resolve(watcher)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
