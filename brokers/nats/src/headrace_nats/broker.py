"""The broker: each verb in one round of messages for a whole batch."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import Any

from headrace.broker import Cancelled, Capability, Control, Held, QueueSpec, QueueStats
from headrace.clock import Clock, SystemClock
from headrace.errors import BrokerError, Unavailable, Unsupported
from headrace.finding import Finding, Verdict
from headrace.job import DeadJob, JobInfo, Lease, NewJob
from headrace.outcome import Outcome
from headrace_nats.address import parse_address
from headrace_nats.connection import Connection
from headrace_nats.examination import examine, unreachable
from headrace_nats.queue import NatsQueue
from headrace_nats.service import Service
from headrace_nats.stream import spec_of

logger: logging.Logger = logging.getLogger("headrace.nats")

PAGE = 256
"""Streams in one answer of the server."""

_warned: set[str] = set()


class NatsBroker:
    """A broker on NATS JetStream: all of it on server 2.12 or newer, a little less on 2.11.

    Args:
        url: `nats://user:password@host1:4222,host2`, `tls://` for TLS. Options are described with
            the plug-in: `prefix`, `replicas`, `storage`, `window`, `creds`, `nkey`, `tls_ca`,
            `tls_cert`, `tls_key`, `timeout`.

    Raises:
        InvalidURL: It cannot be understood; the message names the part.

    Examples:
        >>> Queue("nats://localhost:4222?replicas=3")
        <Queue 'default' on nats://localhost:4222?replicas=***>
    """

    def __init__(self, url: str) -> None:
        self._address = parse_address(url)
        self.clock: Clock = SystemClock()
        self._connection: Connection | None = None
        self._opening = asyncio.Lock()
        self._specs: dict[str, QueueSpec] = {}
        self._services: dict[str, Service] = {}

    @property
    def capabilities(self) -> Capability:
        """What it can do beyond the contract: it cannot tell queued jobs from running ones."""
        exact = Capability.EXACT_CANCEL | Capability.EXACT_PURGE | Capability.EXACT_LOOKUP
        always = Capability.SHARED | exact
        return always if self._address.storage == "memory" else always | Capability.DURABLE

    def __repr__(self) -> str:
        return f"<NatsBroker {self._address.url}>"

    # connecting

    async def open(self) -> None:
        """Connect and check the server; see `Broker.open`."""
        async with self._opening:
            if self._connection is None:
                self._connection = await self._connect()

    async def _connect(self) -> Connection:
        connection = Connection(self._address, self.clock)
        try:
            await connection.open()
            self._heed(await examine(connection, self._address))
        except BaseException:
            await connection.close()
            raise
        return connection

    def _heed(self, findings: Iterable[Finding]) -> None:
        """Refuse a server that would lose jobs."""
        for finding in findings:
            if finding.verdict is Verdict.REFUSED:
                message = f"{self._address.url}: {finding.detail}. Remedy: {finding.remedy}"
                raise Unsupported(message)

    async def close(self) -> None:
        """Give back what nobody took, and disconnect; see `Broker.close`."""
        if self._connection is None:
            return
        await asyncio.gather(*(service.close() for service in self._services.values()))
        self._services.clear()
        connection, self._connection = self._connection, None
        await connection.close()

    async def examine(self) -> list[Finding]:
        """Look at the server; see `Broker.examine`."""
        connection = self._connection or Connection(self._address, self.clock)
        try:
            if connection is not self._connection:
                await connection.open()
            return await examine(connection, self._address)
        except BrokerError as error:
            return [unreachable(error)]
        finally:
            if connection is not self._connection:
                await connection.close()

    # queues

    async def declare(self, spec: QueueSpec) -> QueueSpec:
        """Create or verify a queue; see `Broker.declare`."""
        queue = NatsQueue(self._connected(), self._address, spec)
        await queue.declare()
        self._specs[spec.name] = spec
        if spec.name not in self._services:
            self._services[spec.name] = Service(queue)
        return spec

    async def queues(self) -> list[QueueSpec]:
        """Tell which queues there are; see `Broker.queues`."""
        connection, found = self._connected(), list[QueueSpec]()
        subject = f"{self._address.prefix}.*.>"
        offset, total = 0, 1
        while offset < total:
            wish = {"subject": subject, "offset": offset}
            reply = await connection.api("STREAM.LIST", wish)
            streams: list[dict[str, Any]] = reply.get("streams") or []
            specs = [spec_of(stream["config"]) for stream in streams]
            found += [spec for spec in specs if spec is not None]
            offset, total = offset + (len(streams) or PAGE), reply["total"]
        return sorted(found, key=lambda spec: spec.name)

    def _connected(self) -> Connection:
        if self._connection is None:
            message = "the broker is not open"
            raise Unavailable(message)
        return self._connection

    def _service(self, name: str) -> Service:
        service = self._services.get(name)
        if service is None:
            connection = self._connected()
            if name not in self._specs:
                message = f"queue {name!r} is not declared"
                raise Unavailable(message)
            service = Service(NatsQueue(connection, self._address, self._specs[name]))
            self._services[name] = service
        return service

    # jobs

    async def enqueue(self, queue: str, jobs: Sequence[NewJob], *, batch: str) -> list[str | None]:
        """Store jobs; see `Broker.enqueue`."""
        return await self._service(queue).entrance.store(jobs, batch)

    async def claim(self, queue: str, worker: str, limit: int, wait: float) -> list[Lease]:
        """Lease jobs; see `Broker.claim`."""
        return await self._service(queue).consumer(worker).claim(limit, wait)

    async def renew(self, leases: Sequence[Lease]) -> list[Held]:
        """Keep leases alive; see `Broker.renew`."""
        answers: dict[int, Held] = {}
        for name, group in _by_queue(leases).items():
            service = self._service(name)
            for lease, held in zip(group, await service.renew(group), strict=True):
                answers[id(lease)] = held
        return [answers[id(lease)] for lease in leases]

    async def settle(self, outcomes: Sequence[Outcome]) -> list[bool]:
        """End deliveries; see `Broker.settle`."""
        counts: dict[int, bool] = {}
        groups: dict[str, list[Outcome]] = {}
        for outcome in outcomes:
            groups.setdefault(outcome.lease.queue, []).append(outcome)
        for name, group in groups.items():
            answers = await self._service(name).settle(group)
            counts |= {id(one): yes for one, yes in zip(group, answers, strict=True)}
        return [counts[id(outcome)] for outcome in outcomes]

    async def cancel(self, queue: str, ids: Sequence[str]) -> list[Cancelled]:
        """Take jobs back; see `Broker.cancel`."""
        return await self._service(queue).cancel(ids)

    async def lookup(
        self, queue: str, ids: Sequence[str], *, wait: float = 0.0
    ) -> list[JobInfo | None]:
        """Tell what is known of jobs; see `Broker.lookup`."""
        return await self._service(queue).lookups.lookup(ids, wait)

    # the operator's verbs

    async def stats(self, queue: str) -> QueueStats:
        """Count jobs; see `Broker.stats`."""
        return await self._service(queue).stats()

    async def control(self, queue: str, op: Control) -> int:
        """Pause, resume or purge; see `Broker.control`."""
        return await self._service(queue).control(op)

    async def dead(self, queue: str, *, after: str = "", limit: int = 100) -> list[DeadJob]:
        """Read dead letters; see `Broker.dead`."""
        return await self._service(queue).letters.read(after, limit)

    async def redrive(self, queue: str, ids: Sequence[str]) -> int:
        """Send dead letters back; see `Broker.redrive`."""
        return await self._service(queue).letters.redrive(ids)

    async def maintain(self, queue: str, worker: str) -> float:  # noqa: ARG002
        """Do one step of housekeeping; see `Broker.maintain`."""
        return await self._service(queue).maintain()


def _by_queue(leases: Sequence[Lease]) -> dict[str, list[Lease]]:
    groups: dict[str, list[Lease]] = {}
    for lease in leases:
        groups.setdefault(lease.queue, []).append(lease)
    return groups
