"""What happened, by the witness of each process: one file for each, a line for each event.

A line is written with one `write` before its process goes on, so that it outlives a SIGKILL. No
event travels through the broker that is tortured.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

Kind: TypeAlias = Literal[
    "try",
    "accepted",
    "refused",
    "unknown",
    "start",
    "end",
    "failed",
    "cancelled",
    "settling",
    "settled",
    "killed",
    "stopped",
    "continued",
    "down",
    "up",
]
"""Of a producer: `try` before it enqueues, then how that went. Of a task's code: `start` and how it
ended. Of a worker: `settling` before it asks the broker, and `settled`, what that answered. Of the nemesis: the rest, where `down` and
`up` mean that the broker is away and back."""


class Event(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened.

    Attributes:
        kind: What.
        at: When, by CLOCK_MONOTONIC, which all processes of a machine share.
        process: Who saw it: the pid of a worker.
        victim: The pid that something was done to.
        job: The job's id.
        fencing: Of the lease.
        deliveries: Of the lease.
        attempt: Of the job: 1 = the first.
        outcome: The name of what was settled.
        counts: Whether the broker accepted it.
        due: Before which the job must not start.
        unique: Its key.
    """

    kind: Kind
    at: float
    process: int
    victim: int = 0
    job: str = ""
    fencing: int = 0
    deliveries: int = 0
    attempt: int = 0
    outcome: str = ""
    counts: bool = False
    due: float = 0.0
    unique: str = ""


class Ledger:
    """Writes the events of this process.

    Args:
        folder: Where the files of all processes lie.
    """

    def __init__(self, folder: Path) -> None:
        self._pid = os.getpid()
        path = folder / f"{self._pid}.jsonl"
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def note(self, kind: Kind, **facts: str | float | bool) -> Event:
        """Write an event down. When this returns, a SIGKILL does not undo it."""
        event = msgspec.convert(
            {"kind": kind, "at": time.monotonic(), "process": self._pid, **facts}, Event
        )
        os.write(self._file, msgspec.json.encode(event) + b"\n")
        return event


def read(folder: Path) -> list[Event]:
    """Return what all processes wrote, in the order in which it happened."""
    decode = msgspec.json.Decoder(Event).decode
    lines: Iterable[bytes] = (
        line for path in folder.glob("*.jsonl") for line in path.read_bytes().splitlines()
    )
    return sorted(map(decode, lines), key=lambda event: event.at)
