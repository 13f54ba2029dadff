"""What a run's events tell: which code ran when, and when what was out of order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct

from tests.torture.ledger import Event, Kind

FOREVER = float("inf")


class Span(Struct, frozen=True):
    """From when to when something lasted."""

    begin: float
    end: float = FOREVER

    def overlap(self, other: Span) -> float:
        """Return for how many seconds both lasted; none or less: not at the same time."""
        return min(self.end, other.end) - max(self.begin, other.begin)


class Attempt(Struct, eq=False):
    """The code of a task, from its start to its end.

    Attributes:
        start: The event.
        claimed: When the worker was handed the job.
        end: When it ended, or its process did; infinite if neither is known.
        how: How it ended: an event of the task, or `killed`.
    """

    start: Event
    claimed: float
    end: float = FOREVER
    how: str = ""

    @property
    def span(self) -> Span:
        """When it ran."""
        return Span(self.start.at, self.end)


Victims: TypeAlias = Mapping[int, Sequence[Span]]
"""Spans by the pid of the worker."""


def attempts_of(events: Iterable[Event]) -> dict[str, list[Attempt]]:
    """Return for each job every time that its code ran, in order."""
    claimed: dict[tuple[int, str, int], float] = {}
    running: dict[tuple[int, str, int], Attempt] = {}
    attempts: dict[str, list[Attempt]] = defaultdict(list)
    for event in events:
        place = event.process, event.job, event.fencing
        if event.kind == "claimed":
            claimed[place] = event.at
        elif event.kind == "start":
            running[place] = Attempt(event, claimed.get(place, event.at))
            attempts[event.job].append(running[place])
        elif event.kind in ("end", "failed", "interrupted") and place in running:
            attempt = running.pop(place)
            attempt.end, attempt.how = event.at, event.kind
        elif event.kind in ("killed", "exited"):
            for gone in [place for place in running if place[0] == event.victim]:
                attempt = running.pop(gone)
                attempt.end, attempt.how = event.at, "killed"
    return attempts


def spans(events: Iterable[Event], begin: Kind, end: Kind) -> list[Span]:
    """Return when the broker was in a state that two kinds of events begin and end."""
    found: list[Span] = []
    since: float | None = None
    for event in events:
        if event.kind == begin and since is None:
            since = event.at
        elif event.kind == end and since is not None:
            found.append(Span(since, event.at))
            since = None
    return found if since is None else [*found, Span(since)]


def spans_of_victims(events: Iterable[Event], begin: Kind, end: Kind) -> Victims:
    """Return when each worker was in a state that two kinds of events, or its death, end."""
    found: dict[int, list[Span]] = defaultdict(list)
    since: dict[int, float] = {}
    for event in events:
        if event.kind == begin:
            since.setdefault(event.victim, event.at)
        elif event.kind in (end, "killed", "exited") and event.victim in since:
            found[event.victim].append(Span(since.pop(event.victim), event.at))
    for victim, at in since.items():
        found[victim].append(Span(at))
    return found


def troubles(events: Iterable[Event], recovery: float) -> list[Span]:
    """Return when anything was out of order, with the time that recovery from it may take."""
    events = list(events)
    ends = [
        Span(event.at, event.at + recovery)
        for event in events
        if event.kind in ("killed", "exited", "asked to end", "wiped")
    ]
    lasted = [
        *spans(events, "down", "up"),
        *(
            span
            for found in spans_of_victims(events, "stopped", "continued").values()
            for span in found
        ),
        *(
            span
            for found in spans_of_victims(events, "cut off", "reached").values()
            for span in found
        ),
    ]
    return ends + [Span(span.begin, span.end + recovery) for span in lasted]


def untroubled(span: Span, times: Iterable[Span]) -> bool:
    """Tell whether a span meets none of some times."""
    return all(span.overlap(time) <= 0 for time in times)


def covered(span: Span, others: Iterable[Span]) -> float:
    """Return for how many seconds of a span at least one of the others lasted."""
    total, until = 0.0, span.begin
    for other in sorted(others, key=lambda one: one.begin):
        begin, end = max(other.begin, until), min(other.end, span.end)
        if end > begin:
            total += end - begin
            until = end
    return total
