"""Makes dead letters of messages that are no jobs and cannot go the way of jobs."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from headrace.ids import is_valid_id
from headrace_nats.lean import Message
from headrace_nats.puller import Delivered
from headrace_nats.queue import NatsQueue
from headrace_nats.subjects import Kind
from headrace_nats.wire import Copy, Letter, encode

logger: logging.Logger = logging.getLogger("headrace.nats")

ACK = b"+ACK"

HEADROOM = 1024
"""Bytes that a message of ours needs beside the body, at most."""

MARGIN = 900
"""Bytes by which what is kept of a job is smaller than the largest message, at least."""


def is_stranger(one: Delivered, largest: int) -> bool:
    """Tell whether a message cannot be leased: by its id, or because it could not be written again.

    Args:
        one: What came.
        largest: Bytes of a message that the server takes.
    """
    return not is_valid_id(one.job_id) or len(one.data) > largest - MARGIN


async def bury(queue: NatsQueue, found: Sequence[Delivered]) -> None:
    """Put messages among the dead letters, and let go of them. Once more is harmless.

    What has no id of a job is called after its number in the stream. Of what is too large to be
    written again as much is kept as there is room for.

    Raises:
        BrokerError: Some may be where they were, and come again.
    """
    await queue.publish([_letter(queue, one) for one in found])
    await queue.connection.ask([Message(one.reply, ACK) for one in found])
    for one in found:
        logger.error(
            "a message is no job, it is among the dead letters",
            extra={"queue": queue.spec.name, "job_id": _name(one), "bytes": len(one.data)},
        )


def _name(one: Delivered) -> str:
    return one.job_id if is_valid_id(one.job_id) else f"unnamed-{one.seq}"


def _letter(queue: NatsQueue, one: Delivered) -> Message:
    room = queue.largest - HEADROOM
    reason = "not a job" if len(one.data) <= room else f"not a job: {len(one.data):,} bytes, cut"
    letter = Letter(Copy("", one.data[:room]), reason, one.count, None, 0.0)
    subject = queue.subjects.of(Kind.DEAD, one.lane, _name(one))
    return Message(subject, encode(letter), {"Nats-Rollup": "sub"})
