"""What is asked of the server for a queue: a stream, and its consumers."""

from __future__ import annotations

from typing import Any

from headrace.broker import QueueSpec
from headrace.errors import ConfigMismatch
from headrace_nats.address import Address
from headrace_nats.subjects import Subjects

MAX_WAITING = 16384
"""Pulls that wait at one lane: one for each idle worker."""

ALLOWED = ("allow_direct", "allow_rollup_hdrs", "allow_msg_ttl")
"""What a stream must allow. Old servers leave out what they do not know, without a word."""

DROPPING = ("max_msgs", "max_bytes")
"""Limits by which a stream makes room for new messages: it drops the oldest ones."""

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
    try:
        return QueueSpec(
            name=metadata["headrace.queue"],
            lanes=int(metadata["headrace.lanes"]),
            lease=float(metadata["headrace.lease"]),
            result_ttl=float(metadata["headrace.result_ttl"]),
        )
    except (KeyError, ValueError):
        return None


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


def verify_stream(
    held: dict[str, Any], wanted: dict[str, Any], spec: QueueSpec, *, whole: bool
) -> None:
    """Accept a stream that keeps the queue, and every job in it.

    Args:
        held: The configuration that it has.
        wanted: The one that it would be created with.
        spec: Of the queue.
        whole: Whether the server is 2.12 or newer.

    Raises:
        ConfigMismatch: It is another queue's or nobody's, or it would lose jobs.
    """
    told, name = spec_of(held), held["name"]
    if held["subjects"] != wanted["subjects"] or told is None:
        message = f"stream {name!r} is there, and is not that of queue {spec.name!r}"
        raise ConfigMismatch(message)
    if (told.lease, told.lanes) != (spec.lease, spec.lanes):
        message = (
            f"queue {spec.name!r} exists with lease={told.lease} lanes={told.lanes}, not "
            f"lease={spec.lease} lanes={spec.lanes}: its users must agree"
        )
        raise ConfigMismatch(message)
    for allowance in allowed(whole=whole):
        if not held.get(allowance):
            message = f"stream {name!r} does not have {allowance}: edit it, or begin anew"
            raise ConfigMismatch(message)
    limits = [one for one in DROPPING if held["discard"] == "old" and held.get(one, -1) > 0]
    if held.get("max_age"):
        limits.append("max_age")
    if limits:
        message = f"stream {name!r} has {', '.join(limits)} and drops jobs for it: take it out"
        raise ConfigMismatch(message)


def verify_consumer(held: dict[str, Any], wanted: dict[str, Any], stream: str) -> None:
    """Accept a consumer that somebody has set up otherwise, but not its lease.

    Raises:
        ConfigMismatch: Jobs would be leased for another time, or other ones.
    """
    for field in ("ack_wait", "filter_subject", "ack_policy"):
        if held.get(field) != wanted[field]:
            message = (
                f"consumer {wanted['name']!r} of stream {stream!r} has {field}={held.get(field)}, "
                f"not {wanted[field]}: its users must agree"
            )
            raise ConfigMismatch(message)
