"""Headers: what the server is to see to when it writes a message."""

from __future__ import annotations

from math import ceil

from headrace_nats.lean import Headers

PAUSES: tuple[float, ...] = tuple(0.005 * 2**number for number in range(8))
"""Seconds after each try of a write that its fence refused because another one was under way.
Without a majority the servers refuse it at once, each time."""


def fence(seq: int, subject: str) -> Headers:
    """Let a write pass only if the last message of a subject is this one; 0: if there is none."""
    return {
        "Nats-Expected-Last-Subject-Sequence": str(seq),
        "Nats-Expected-Last-Subject-Sequence-Subject": subject,
    }


def forgotten_after(seconds: float) -> Headers:
    """Let the server drop a message some time after so many seconds: it counts whole ones."""
    return {"Nats-TTL": str(ceil(seconds) + 1), "Nats-Rollup": "sub"}


def in_batch(batch: str, number: int, last: int) -> Headers:
    """Let a write pass only together with the others of its batch, which the last one commits."""
    headers = {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(number)}
    return headers | {"Nats-Batch-Commit": "1"} if number == last else headers
