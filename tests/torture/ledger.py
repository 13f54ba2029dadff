"""What happened, by the witness of each process: one file for each, a line for each event.

A line is written with one `write` before its process goes on, so that it outlives a SIGKILL. No
event travels through the broker that is tortured.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

from headrace.clock import SystemClock

Kind: TypeAlias = Literal[
    # Of a producer: before it asks, and what came of it.
    "try",
    "accepted",
    "duplicate",
    "unknown",
    "refused",
    "cancelling",
    "cancelled",
    # Of a task's code.
    "start",
    "end",
    "failed",
    "interrupted",
    # Of a worker: what it was handed out, before it ends a delivery, and what that was answered.
    "claimed",
    "settling",
    "settled",
    # Of the nemesis: what is done to a worker, and its end.
    "killed",
    "stopped",
    "continued",
    "cut off",
    "reached",
    "asked to end",
    "jumped",
    "exited",
    # Of the nemesis: what is done to the broker, and that it serves again.
    "down",
    "up",
    "wiped",
    # Of the harness: what a worker holds of the machine.
    "sample",
]


class Event(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened.

    Attributes:
        kind: What.
        at: When, by CLOCK_MONOTONIC, which all processes of a machine share.
        process: Who saw it.
        victim: The pid of the worker that something was done to.
        job: The job's id.
        task: Its task.
        fencing: Of the lease.
        deliveries: Of the lease.
        attempt: Of the job: 1 = the first.
        outcome: What was settled: a final state, `rescheduled` or `released`; of an exit, its code;
            of what was wiped, its name.
        counts: Whether the broker accepted it.
        due: Before which the job must not start.
        unique: Its key.
        stubborn: Whether the task does not let itself be cancelled.
        connections: How many the worker has made so far.
        descriptors: How many it has open.
        threads: How many it has.
        memory: Bytes that it has resident.
    """

    kind: Kind
    at: float
    process: int = 0
    victim: int = 0
    job: str = ""
    task: str = ""
    fencing: int = 0
    deliveries: int = 0
    attempt: int = 0
    outcome: str = ""
    counts: bool = False
    due: float = 0.0
    unique: str = ""
    stubborn: bool = False
    connections: int = 0
    descriptors: int = 0
    threads: int = 0
    memory: int = 0


CLOCK = SystemClock()
"""By which the harness waits, for time is what it is about."""


class Ledger:
    """Takes down the events of this process.

    Args:
        write: Keeps a line.
        clock: In seconds.
    """

    def __init__(
        self, write: Callable[[bytes], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._pid = os.getpid()
        self._write = write
        self.now = clock

    @classmethod
    def in_folder(cls, folder: Path) -> Ledger:
        """Return one that writes a file of this process: a SIGKILL does not undo a line."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        file = os.open(folder / f"{os.getpid()}.jsonl", flags, 0o600)
        return cls(lambda line: os.write(file, line))

    def note(self, kind: Kind, **facts: Any) -> None:
        """Write an event down."""
        event = Event(kind=kind, at=self.now(), process=self._pid, **facts)
        self._write(msgspec.json.encode(event) + b"\n")


def read(folder: Path) -> list[Event]:
    """Return what all processes wrote, in the order in which it happened."""
    return ordered(
        line for path in folder.glob("*.jsonl") for line in path.read_bytes().split(b"\n")
    )


def ordered(lines: Any) -> list[Event]:
    """Return the events of lines, in the order in which they happened."""
    decode = msgspec.json.Decoder(Event).decode
    return sorted((decode(line) for line in lines if line), key=lambda event: event.at)
