"""What is asked of the server for a queue: a stream, and its consumers."""

from __future__ import annotations

from typing import Any

from headrace.broker import QueueSpec
from headrace_nats.address import Address
from headrace_nats.subjects import Subjects

MAX_WAITING = 16384
"""Pulls that wait at one lane: one for each idle worker."""

ALLOWED = ("allow_direct", "allow_rollup_hdrs", "allow_msg_ttl")
"""What a stream must allow. Old servers leave out what they do not know, without a word."""

ALLOWED_SINCE_2_12 = ("allow_msg_schedules", "allow_atomic")


def allowed(*, whole: bool) -> tuple[str, ...]:
    """Return what a stream must allow; the whole of it on server 2.12 and newer."""
    return ALLOWED + (ALLOWED_SINCE_2_12 if whole else ())


def stream_config(
    address: Address, subjects: Subjects, spec: QueueSpec, *, whole: bool
) -> dict[str, Any]:
    """Return the configuration of a queue's stream.

    Args:
        address: Settings of new streams.
        subjects: Of the queue.
        spec: Of the queue.
        whole: Whether the server is 2.12 or newer.
    """
    return {
        "name": subjects.stream,
        "subjects": [f"{subjects.root}.>"],
        "retention": "workqueue",
        "storage": address.storage,
        "num_replicas": address.replicas,
        "discard": "old",
        "duplicate_window": int(address.window * 1e9),
        **dict.fromkeys(allowed(whole=whole), True),
        "metadata": {
            "headrace.queue": spec.name,
            "headrace.lanes": str(spec.lanes),
            "headrace.lease": str(spec.lease),
            "headrace.result_ttl": str(spec.result_ttl),
        },
    }


def spec_of(config: dict[str, Any]) -> QueueSpec | None:
    """Return the queue that a stream was made for, `None` if it was made for something else."""
    metadata: dict[str, str] = config.get("metadata") or {}
    if "headrace.queue" not in metadata:
        return None
    return QueueSpec(
        name=metadata["headrace.queue"],
        lanes=int(metadata["headrace.lanes"]),
        lease=float(metadata["headrace.lease"]),
        result_ttl=float(metadata["headrace.result_ttl"]),
    )


def consumer_config(name: str, subject: str, lease: float) -> dict[str, Any]:
    """Return the configuration of a consumer.

    Deliveries are counted and dead letters written by us: a server that gives up leaves the message
    in the stream for ever.
    """
    return {
        "name": name,
        "durable_name": name,
        "filter_subject": subject,
        "deliver_policy": "all",
        "replay_policy": "instant",
        "ack_policy": "explicit",
        "ack_wait": int(lease * 1e9),
        "max_deliver": -1,
        "max_ack_pending": -1,
        "max_waiting": MAX_WAITING,
    }
