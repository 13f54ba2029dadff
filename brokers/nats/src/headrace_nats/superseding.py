"""Writes in the place of a copy that is leased."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from headrace.errors import Unavailable
from headrace.job import Lease
from headrace_nats.fences import PAUSES
from headrace_nats.lean import Message
from headrace_nats.queue import NatsQueue
from headrace_nats.wire import token_of

Write: TypeAlias = tuple[Lease, Message]


async def supersede(queue: NatsQueue, writes: Sequence[Write]) -> set[int]:
    """Publish messages, each fenced by the copy of a job that was leased.

    Servers in a cluster refuse a write also when another one under the same fence is under way,
    whatever becomes of that one. So a refusal is looked into. They store in order: while the first
    is in the way of another, nobody asks for the rest.

    Args:
        queue: Of the jobs.
        writes: With the lease of each; none twice.

    Returns:
        The numbers of the copies of those that are stored.

    Raises:
        Unavailable: Others are under way all the time; the cluster may have no majority.
    """
    stored, left = await _write(queue, writes)
    for pause in PAUSES:
        if not left:
            return stored
        await queue.connection.pause(pause)
        passed, first = await _write(queue, left[:1])
        stored |= passed
        if not first:
            passed, left = await _write(queue, left[1:])
            stored |= passed
    message = "writes to a job get in each other's way"
    raise Unavailable(message)


async def _write(queue: NatsQueue, writes: Sequence[Write]) -> tuple[set[int], list[Write]]:
    """Return the numbers of the copies of what is stored, and what is still to be tried."""
    if not writes:
        return set(), []
    acks = await queue.publish([message for _, message in writes])
    refused = [write for write, ack in zip(writes, acks, strict=True) if ack.error is not None]
    found = await queue.newest([lease.id for lease, _ in refused])
    stored = {token_of(lease).seq for lease, _ in writes}
    stored -= {token_of(lease).seq for lease, _ in refused}
    return stored, [
        (lease, message)
        for (lease, message), one in zip(refused, found, strict=True)
        if one is not None and one.seq == token_of(lease).seq
    ]
