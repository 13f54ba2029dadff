"""The broker: each verb is one script for a whole batch."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from headrace.broker import Cancelled, Capability, Control, Held, QueueSpec, QueueStats
from headrace.clock import Clock, SystemClock
from headrace.errors import BrokerError, Rejected, Unavailable, Unsupported
from headrace.finding import Finding, Verdict
from headrace.ids import is_valid_id
from headrace.job import DeadJob, JobInfo, Lease, NewJob
from headrace.outcome import Outcome, Release
from headrace_redis.address import parse_address
from headrace_redis.consumer import LONGEST_READ, Consumer
from headrace_redis.examination import examine, unreachable
from headrace_redis.keys import config, queue_prefix, queues
from headrace_redis.lookups import Lookups
from headrace_redis.queue import RedisQueue
from headrace_redis.scripts import (
    CANCEL,
    DEAD,
    ENQUEUE,
    MAINTAIN,
    PAUSE,
    PURGE_DEAD,
    PURGE_DELAYED,
    PURGE_READY,
    REDRIVE,
    SETTLE,
    STATS,
)
from headrace_redis.server import Server
from headrace_redis.wire import (
    existing,
    letter_from,
    milliseconds,
    pack,
    pack_jobs,
    pack_outcomes,
    pack_renewals,
    spec_from,
    text_of,
    token_of,
)

logger: logging.Logger = logging.getLogger("headrace.redis")

BATCH = 500
"""Jobs in one script: it holds up the whole server while it runs, a few milliseconds."""

BATCH_MEMORY = 60.0
"""Seconds for which a batch of `enqueue` can be repeated without storing it twice."""

MARK = 86400.0
"""Seconds for which a cancellation of an untracked job is kept."""

TERM = 1.0
"""Seconds for which one worker keeps house; another takes over if it dies."""

TICK = 0.2
"""Seconds between two looks for jobs that are due: how late one can be."""

_HELD = (Held.LOST, Held.OK, Held.CANCELLED)
_CANCELLED = (Cancelled.NOT_FOUND, Cancelled.REMOVED, Cancelled.SIGNALLED)
_PURGES = {
    Control.PURGE_READY: PURGE_READY,
    Control.PURGE_DELAYED: PURGE_DELAYED,
    Control.PURGE_DEAD: PURGE_DEAD,
}
_warned: set[str] = set()


class RedisBroker:
    """A broker on Redis 6.2 or newer, or on Valkey.

    Args:
        url: `redis://user:password@host:6379/0`, `rediss://` for TLS, `unix:///path.sock`,
            `redis+sentinel://host1,host2/primary` or `redis+cluster://host1,host2`. Options are
            described with the plug-in: `prefix`, `track`, `timeout`, `db`, `tls`, `tls_ca`,
            `tls_cert`, `tls_key`, `sentinel_username`, `sentinel_password`.

    Raises:
        InvalidURL: It cannot be understood; the message names the part.

    Examples:
        >>> Queue("redis://localhost:6379/0?track=no")
        <Queue 'default' on redis://localhost:6379/0?track=***>
    """

    def __init__(self, url: str) -> None:
        self._address = parse_address(url)
        self.clock: Clock = SystemClock()
        self._server: Server | None = None
        self._lookups: Lookups | None = None
        self._specs: dict[str, QueueSpec] = {}
        self._queues: dict[str, RedisQueue] = {}
        self._consumers: dict[tuple[str, str], Consumer] = {}

    @property
    def capabilities(self) -> Capability:
        """What it can do beyond the contract; `track=no` takes some of it away."""
        always = Capability.SHARED | Capability.DURABLE | Capability.EXACT_PURGE
        if not self._address.track:
            return always
        tracked = Capability.RUNNING_STATE | Capability.EXACT_CANCEL | Capability.EXACT_LOOKUP
        return always | tracked

    def __repr__(self) -> str:
        return f"<RedisBroker {self._address.url}>"

    # connecting

    async def open(self) -> None:
        """Connect and check the server; see `Broker.open`."""
        if self._server is not None:
            return
        server = Server(self._address, LONGEST_READ)
        try:
            self._heed(await examine(server))
        except BaseException:
            await server.close()
            raise
        if self._server is not None:  # somebody else opened it meanwhile
            await server.close()
            return
        self._server = server
        self._lookups = Lookups(self._address, self.clock, self._queue)

    def _heed(self, findings: Iterable[Finding]) -> None:
        """Refuse a server that would lose jobs; warn once of one that may."""
        for finding in findings:
            if finding.verdict is Verdict.REFUSED:
                # A replica may be the primary again in a moment.
                kind = Unavailable if finding.check == "role" else Unsupported
                message = f"{self._address.url}: {finding.detail}. Remedy: {finding.remedy}"
                raise kind(message)
            about = f"{self._address.url} {finding.check}"
            if finding.verdict is Verdict.WARNING and about not in _warned:
                _warned.add(about)
                logger.warning(
                    "the server keeps jobs less safely than it could",
                    extra={"broker": self._address.url, "detail": finding.detail},
                )

    async def close(self) -> None:
        """Give back what nobody took, and disconnect; see `Broker.close`."""
        if self._server is None:
            return
        await asyncio.gather(*(consumer.close() for consumer in self._consumers.values()))
        if self._lookups is not None:
            await self._lookups.close()
        await self._server.close()
        self._server = self._lookups = None
        self._queues.clear()
        self._consumers.clear()

    async def examine(self) -> list[Finding]:
        """Look at the server; see `Broker.examine`."""
        server = self._server or Server(self._address, LONGEST_READ)
        try:
            return await examine(server)
        except BrokerError as error:
            return [unreachable(error)]
        finally:
            if server is not self._server:
                await server.close()

    # queues

    async def declare(self, spec: QueueSpec) -> QueueSpec:
        """Create or verify a queue; see `Broker.declare`."""
        queue = self._bind(spec)
        await queue.declare()
        self._queues[spec.name] = queue
        self._specs[spec.name] = queue.spec
        return queue.spec

    def _bind(self, spec: QueueSpec) -> RedisQueue:
        address = self._address
        return RedisQueue(self._connected(), address.prefix, spec, track=address.track)

    async def queues(self) -> list[QueueSpec]:
        """Tell which queues there are; see `Broker.queues`."""
        server, prefix = self._connected(), self._address.prefix
        specs: list[QueueSpec] = []
        for name in sorted(await server.command("SMEMBERS", queues(prefix))):
            key = config(queue_prefix(prefix, text_of(name)))
            spec = spec_from(name, await server.command("HMGET", key, "lanes", "lease", "ttl"))
            if spec is not None:
                specs.append(spec)
        return specs

    def _connected(self) -> Server:
        if self._server is None:
            message = "the broker is not open"
            raise Unavailable(message)
        return self._server

    def _queue(self, name: str) -> RedisQueue:
        self._connected()
        queue = self._queues.get(name)
        if queue is None:
            if name not in self._specs:
                message = f"queue {name!r} is not declared"
                raise Unavailable(message)
            queue = self._queues[name] = self._bind(self._specs[name])
        return queue

    # jobs

    async def enqueue(self, queue: str, jobs: Sequence[NewJob], *, batch: str) -> list[str | None]:
        """Store jobs; see `Broker.enqueue`."""
        held = self._queue(queue)
        for job in jobs:
            if not is_valid_id(job.id):
                raise Rejected(job.id, "an id is 1 to 64 of A-Z a-z 0-9 _ -")
            if not 0 <= job.priority < held.spec.lanes:
                lanes = held.spec.lanes - 1
                raise Rejected(job.id, f"priority {job.priority}: lanes are 0 to {lanes}")
        if not jobs:
            return []
        reply = await held.run(ENQUEUE, batch, milliseconds(BATCH_MEMORY), pack_jobs(jobs))
        return existing(reply, len(jobs))

    async def claim(self, queue: str, worker: str, limit: int, wait: float) -> list[Lease]:
        """Lease jobs; see `Broker.claim`."""
        held = self._queue(queue)
        consumer = self._consumers.get((queue, worker))
        if consumer is None:
            consumer = Consumer(held, worker, self.clock, self._release)
            self._consumers[queue, worker] = consumer
        return await consumer.claim(min(limit, BATCH), wait)

    async def _release(self, leases: Sequence[Lease]) -> None:
        """Give back what nobody took; if that fails, the leases run out."""
        with suppress(BrokerError):
            await self.settle([Release(lease) for lease in leases])

    async def renew(self, leases: Sequence[Lease]) -> list[Held]:
        """Keep leases alive; see `Broker.renew`."""
        answers = [Held.LOST] * len(leases)
        groups: dict[tuple[str, str], list[tuple[int, Lease]]] = {}
        for index, lease in enumerate(leases):
            groups.setdefault((lease.queue, token_of(lease).consumer), []).append((index, lease))
        for (name, consumer), group in groups.items():
            queue = self._queue(name)
            for part in _parts(group):
                deadline = self.clock.monotonic() + queue.spec.lease
                reply = await queue.renew(consumer, pack_renewals(lease for _, lease in part))
                for (index, lease), code in zip(part, reply, strict=True):
                    answers[index] = _HELD[code]
                    if answers[index] is Held.LOST:
                        self._forget(lease)
                    else:
                        lease.deadline = deadline
        return answers

    async def settle(self, outcomes: Sequence[Outcome]) -> list[bool]:
        """End deliveries; see `Broker.settle`."""
        counts = [False] * len(outcomes)
        groups: dict[str, list[tuple[int, Outcome]]] = {}
        for index, outcome in enumerate(outcomes):
            groups.setdefault(outcome.lease.queue, []).append((index, outcome))
        for name, group in groups.items():
            for part in _parts(group):
                packed = pack_outcomes(outcome for _, outcome in part)
                reply = await self._queue(name).run(SETTLE, packed)
                for (index, outcome), code in zip(part, reply, strict=True):
                    counts[index] = code == 1
                    self._forget(outcome.lease)
        return counts

    def _forget(self, lease: Lease) -> None:
        consumer = self._consumers.get((lease.queue, token_of(lease).consumer))
        if consumer is not None:
            consumer.forget(lease)

    async def cancel(self, queue: str, ids: Sequence[str]) -> list[Cancelled]:
        """Take jobs back; see `Broker.cancel`."""
        held, answers = self._queue(queue), list[Cancelled]()
        for part in _parts(ids):
            reply = await held.run(CANCEL, pack(part), milliseconds(MARK))
            answers += [_CANCELLED[code] for code in reply]
        return answers

    async def lookup(
        self, queue: str, ids: Sequence[str], *, wait: float = 0.0
    ) -> list[JobInfo | None]:
        """Tell what is known of jobs; see `Broker.lookup`."""
        self._queue(queue)
        assert self._lookups is not None  # noqa: S101 - it is there while the server is
        return await self._lookups.lookup(queue, ids, wait)

    # the operator's verbs

    async def stats(self, queue: str) -> QueueStats:
        """Count jobs; see `Broker.stats`."""
        delayed, running, dead, paused, oldest, *ready = await self._queue(queue).run(STATS)
        return QueueStats(
            ready=tuple(ready),
            delayed=delayed,
            running=running,
            dead=dead,
            paused=bool(paused),
            oldest=None if oldest < 0 else oldest / 1000,
        )

    async def control(self, queue: str, op: Control) -> int:
        """Pause, resume or purge; see `Broker.control`."""
        held = self._queue(queue)
        if op in (Control.PAUSE, Control.RESUME):
            changed: int = await held.run(PAUSE, "1" if op is Control.PAUSE else "0")
            return changed
        total = 0
        while dropped := await held.run(_PURGES[op], BATCH):
            total += int(dropped)
        return total

    async def dead(self, queue: str, *, after: str = "", limit: int = 100) -> list[DeadJob]:
        """Read dead letters; see `Broker.dead`."""
        reply: list[Any] = await self._queue(queue).run(DEAD, after or "0", limit)
        return [letter_from(row) for row in reply]

    async def redrive(self, queue: str, ids: Sequence[str]) -> int:
        """Send dead letters back; see `Broker.redrive`."""
        held, count = self._queue(queue), 0
        for part in _parts(ids):
            count += await held.run(REDRIVE, pack(part))
        return count

    async def maintain(self, queue: str, worker: str) -> float:
        """Do a step of housekeeping; see `Broker.maintain`."""
        limits = milliseconds(TERM), milliseconds(TICK)
        pause: int = await self._queue(queue).run(MAINTAIN, worker, *limits)
        return pause / 1000


def _parts(items: Sequence[Any]) -> Iterable[list[Any]]:
    """Split a batch into parts that one script may take."""
    return (list(items[start : start + BATCH]) for start in range(0, len(items), BATCH))
