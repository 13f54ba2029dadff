"""What a doctor sees of a server: plain judgements of what it tells of itself."""

from __future__ import annotations

import re
from typing import Any

from headrace.errors import AuthFailed, BrokerError, Unsupported
from headrace.finding import Finding, Verdict
from headrace_nats.address import Address
from headrace_nats.connection import Connection

OLDEST = (2, 11)
"""The first server that lets a message fence the write of another one, and forgets results."""

WHOLE = (2, 12)
"""The first server that keeps delayed jobs, and stores several messages as one or none."""


async def examine(connection: Connection, address: Address) -> list[Finding]:
    """Look at a server.

    Raises:
        BrokerError: It does not answer.
    """
    version = connection.client.connected_server_version
    findings = [judge_version(f"{version.major}.{version.minor}.{version.patch}")]
    try:
        account = await connection.api("INFO")
    except Unsupported as error:
        return [*findings, _no_jetstream(str(error))]
    except AuthFailed as error:
        return [*findings, _not_asked("JetStream", str(error))]
    return [
        *findings,
        judge_jetstream(account),
        judge_limits(account),
        judge_replicas(address),
        judge_storage(address),
        FLUSHING,
    ]


def judge_version(text: str) -> Finding:
    """Judge by the version."""
    numbers = tuple(int(number) for number in re.findall(r"\d+", text)[:2])
    if numbers < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        return Finding(
            "version", Verdict.REFUSED, f"NATS {text} is too old", f"use {oldest} or newer"
        )
    if numbers < WHOLE:
        return Finding(
            "version",
            Verdict.WARNING,
            f"NATS {text}: workers move delayed jobs, late by up to 250 ms, and a unique key is "
            "stored just before its job, not with it",
            "use {}.{} or newer".format(*WHOLE),
        )
    return Finding("version", Verdict.OK, f"NATS {text}")


def judge_jetstream(account: dict[str, Any]) -> Finding:
    """Judge by the API level, and say how much is in use."""
    api: dict[str, Any] = account.get("api") or {}
    level = api.get("level", 0)
    streams = account.get("streams", 0)
    return Finding("JetStream", Verdict.OK, f"API level {level}, {streams} streams")


def judge_limits(account: dict[str, Any]) -> Finding:
    """Judge by how full the account is."""
    limits: dict[str, Any] = account.get("limits") or {}
    used: int = account.get("storage", 0)
    most: int = limits.get("max_storage", -1)
    if most > 0 and used > 0.9 * most:
        return Finding(
            "room",
            Verdict.WARNING,
            f"{used} of {most} bytes are used: when it is full no job is accepted",
            "raise the account's storage limit, or purge",
        )
    return Finding(
        "room", Verdict.OK, f"{used} bytes are used of {most if most > 0 else 'no limit'}"
    )


def judge_replicas(address: Address) -> Finding:
    """Judge by how many servers new queues are kept on."""
    if address.replicas == 1:
        return Finding(
            "replicas",
            Verdict.WARNING,
            "new queues are kept on one server: while it is down no job moves, and its disk is the "
            "only one",
            "with three servers or more add ?replicas=3 to the URL",
        )
    return Finding("replicas", Verdict.OK, f"new queues are kept on {address.replicas} servers")


def judge_storage(address: Address) -> Finding:
    """Judge by where new queues are kept."""
    if address.storage == "memory":
        return Finding(
            "storage",
            Verdict.WARNING,
            "new queues are kept in memory: a restart of their servers loses every job",
            "leave storage=memory out of the URL",
        )
    return Finding("storage", Verdict.OK, "new queues are kept in files")


FLUSHING = Finding(
    "sync_interval",
    Verdict.WARNING,
    "a server does not tell its clients how often it flushes to disk; by default every 2 minutes, "
    "and a power failure loses what was accepted since",
    "set sync_interval: always in the server's jetstream block, and look at /jsz for sync_always",
)


def unreachable(error: BrokerError) -> Finding:
    """Tell of a server that does not answer."""
    return Finding("connection", Verdict.REFUSED, str(error), "is it running, and is this its URL?")


def _no_jetstream(text: str) -> Finding:
    return Finding(
        "JetStream",
        Verdict.REFUSED,
        text,
        "start the server with JetStream (nats-server -js), and let the account use it",
    )


def _not_asked(check: str, text: str) -> Finding:
    return Finding(check, Verdict.WARNING, f"not allowed to ask: {text}", "allow $JS.API.INFO")
