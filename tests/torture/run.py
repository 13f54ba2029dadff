"""One run, and what was promised of it, as the checks take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from msgspec import Struct

from headrace import JobState
from tests.torture.history import (
    FOREVER,
    Attempt,
    Span,
    Victims,
    attempts_of,
    spans,
    spans_of_victims,
    troubles,
    untroubled,
)
from tests.torture.ledger import Event, Kind

LOSING = frozenset({"everything", "stream", "lane"})
"""What jobs lie in."""


class Promise(Struct, frozen=True, kw_only=True):
    """What holds of a queue and its workers, in seconds where it is a time.

    Attributes:
        recovery: From the silence of a worker until its jobs start elsewhere.
        aside: For which a last delivery may be put aside beyond that.
        blink: For which a worker may be silent without losing a lease.
        overlap: For which two attempts' code may run at the same time while the broker answers.
        blind: The same while it does not.
        late: By which a job may start after its time if nothing is out of order.
        shutdown: From the request to stop until a worker has ended.
        clock: By which two clocks may differ.
        attempts: How often a task is started for its failures.
        deliveries: How often a copy is handed out.
        base: The wait after the first failure.
        factor: By which each wait is longer than the one before.
        jitter: The share of a wait that may be taken off.
        knocks: Connections that a worker may make in a second.
        memory: Bytes that a worker may have resident.
        forgets: Whether a broker that is killed, or made to forget, may hand out again at once, and
            under the same number, what it had handed out a moment before.
    """

    recovery: float
    overlap: float
    blind: float
    late: float
    shutdown: float
    clock: float = 0.005
    aside: float = 0.0
    blink: float = 0.0
    attempts: int = 4
    deliveries: int = 3
    base: float = 0.2
    factor: float = 2.0
    jitter: float = 0.5
    knocks: int = 20
    memory: int = 300 << 20
    forgets: bool = False


class Run:
    """A run, when everything is healed and drained.

    Args:
        events: Of all processes, in order.
        states: Of each job that was tried or that started, as the broker tells; missing: it knows
            nothing.
        dead: The dead letters' ids, and the reason of each.
        results: Of each job that succeeded, what its producer can read.
        left: What the broker still holds that it should not.

    Attributes:
        attempts: Of each job.
        down: When the broker was away.
        frozen: When each worker stood still.
        cut: When each worker was cut off from the broker.
        wiped: When the broker was made to forget.
        lost_until: Until when jobs may have been lost with what it forgot.
    """

    def __init__(
        self,
        events: Sequence[Event],
        states: Mapping[str, JobState],
        dead: Mapping[str, str] | None = None,
        results: Mapping[str, Any] | None = None,
        left: Sequence[str] = (),
    ) -> None:
        self.events = events
        self.states = states
        self.dead = dead or {}
        self.results = results or {}
        self.left = left
        self.attempts: dict[str, list[Attempt]] = attempts_of(events)
        self.down: list[Span] = spans(events, "down", "up")
        self.frozen: Victims = spans_of_victims(events, "stopped", "continued")
        self.cut: Victims = spans_of_victims(events, "cut off", "reached")
        wipes = [event for event in events if event.kind == "wiped"]
        self.wiped: list[float] = [event.at for event in wipes]
        self.lost_until = max(
            (event.at for event in wipes if event.outcome in LOSING), default=-FOREVER
        )

    @cached_property
    def of(self) -> Mapping[Kind, list[Event]]:
        """The events of each kind, in order."""
        found: dict[Kind, list[Event]] = {}
        for event in self.events:
            found.setdefault(event.kind, []).append(event)
        return found

    def all(self, kind: Kind) -> list[Event]:
        """Return the events of a kind, in order."""
        return self.of.get(kind, [])

    def forgot(self, span: Span, promise: Promise) -> bool:
        """Tell whether the broker may have forgotten in a span what it had handed out."""
        # What it handed out before it went down may still be on its way to a start.
        down = [Span(one.begin, one.end + promise.recovery) for one in self.down]
        crashed = promise.forgets and not untroubled(span, down)
        return crashed or any(span.begin < wipe < span.end for wipe in self.wiped)

    def troubles(self, recovery: float) -> list[Span]:
        """Return when anything was out of order, with the time that recovery may take."""
        return troubles(self.events, recovery)
