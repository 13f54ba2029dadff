"""What must be true of a run, whatever was done to it: plain functions over its events."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct

from headrace import JobState
from tests.torture.ledger import Event

ENDS = frozenset({"Done", "Dead"})
OVER = frozenset({"end", "failed", "cancelled"})


class Bounds(Struct, frozen=True, kw_only=True):
    """What a scenario promises, in seconds.

    Attributes:
        recovery: From the death of a worker until its jobs start elsewhere.
        overlap: For which two attempts' code may run at the same time.
        clock: By which two clocks may differ.
    """

    recovery: float
    overlap: float
    clock: float = 0.005


class Run(Struct, frozen=True, kw_only=True):
    """One run, when everything is healed and drained.

    Attributes:
        events: Of all processes, in order.
        states: Of each job that was tried, as the broker tells; missing: it knows nothing.
        dead: The ids of the dead letters.
    """

    events: Sequence[Event]
    states: Mapping[str, JobState]
    dead: frozenset[str]


class Attempt(Struct):
    """The code of a task, from its start to its end.

    Attributes:
        job: Whose.
        process: Where.
        begin: When it started.
        end: When it ended, or its process did; infinite if neither is known.
        killed: Whether its process did.
        fencing: Of its lease.
    """

    job: str
    process: int
    begin: float
    end: float = float("inf")
    killed: bool = False
    fencing: int = 0


Violations: TypeAlias = dict[str, list[str]]


class Report(Struct, frozen=True):
    """What became of a run.

    Attributes:
        violations: Under the name of what is broken, what shows it.
        counts: How much of everything happened.
    """

    violations: Violations
    counts: dict[str, int]


def judge(run: Run, bounds: Bounds, needed: Iterable[str] = ()) -> Report:
    """Check a run.

    Args:
        run: What happened.
        bounds: What was promised.
        needed: Counts that must not be zero: else the run has shown nothing.
    """
    attempts = attempts_of(run.events)
    counts = counted(run, attempts)
    found = {
        "lost": lost(run),
        "phantom": phantoms(run.events),
        "double outcome": doubles(run.events),
        "overlap": overlaps(attempts, stops(run.events), bounds.overlap),
        "early": early(run.events, bounds.clock),
        "late recovery": late(attempts, outages(run.events), bounds.recovery),
        "fencing": not_rising(attempts),
        "unique": twice_held(run.events),
        "dead letters": missing_letters(run),
        "vacuous": [name for name in needed if not counts[name]],
    }
    return Report({name: shown for name, shown in found.items() if shown}, dict(counts))


def attempts_of(events: Sequence[Event]) -> list[Attempt]:
    """Return every time that a task's code ran."""
    open_: dict[tuple[int, str, int], Attempt] = {}
    attempts: list[Attempt] = []
    for event in events:
        key = event.process, event.job, event.fencing
        if event.kind == "start":
            open_[key] = Attempt(event.job, event.process, event.at, fencing=event.fencing)
            attempts.append(open_[key])
        elif event.kind in OVER and key in open_:
            open_.pop(key).end = event.at
        elif event.kind == "killed":
            for place in [place for place in open_ if place[0] == event.victim]:
                attempt = open_.pop(place)
                attempt.end, attempt.killed = event.at, True
    return attempts


def counted(run: Run, attempts: Sequence[Attempt]) -> Counter[str]:
    """Count what makes a run worth something."""
    counts = Counter(event.kind for event in run.events)
    settled = [event for event in run.events if event.kind == "settled"]
    counts["fenced"] = sum(not event.counts for event in settled)
    counts["retried"] = sum(event.counts and event.outcome == "Reschedule" for event in settled)
    counts["released"] = sum(event.counts and event.outcome == "Release" for event in settled)
    counts["dead"] = len(run.dead)
    deliveries = [event for event in run.events if event.kind == "start" and event.deliveries > 1]
    counts["recovered"] = len(deliveries)
    counts["interrupted"] = sum(attempt.killed for attempt in attempts)
    counts.update(f"state {state.value}" for state in run.states.values())
    return counts


def lost(run: Run) -> list[str]:
    """I1: every job that was accepted is over."""
    accepted = {event.job for event in run.events if event.kind == "accepted"}
    return sorted(
        f"{job}: {state.value if state else 'unknown'}"
        for job in accepted
        if (state := run.states.get(job)) is None or not state.final
    )


def phantoms(events: Sequence[Event]) -> list[str]:
    """I2: what runs was asked for."""
    tried = {event.job for event in events if event.kind == "try"}
    return sorted({event.job for event in events if event.kind == "start"} - tried)


def doubles(events: Sequence[Event]) -> list[str]:
    """I3: one outcome ends a job."""
    ends = Counter(
        event.job
        for event in events
        if event.kind == "settled" and event.counts and event.outcome in ENDS
    )
    return sorted(f"{job}: {number} ends" for job, number in ends.items() if number > 1)


def stops(events: Sequence[Event]) -> dict[int, list[tuple[float, float]]]:
    """Return when each process stood still."""
    still: dict[int, list[tuple[float, float]]] = defaultdict(list)
    since: dict[int, float] = {}
    for event in events:
        if event.kind == "stopped":
            since[event.victim] = event.at
        elif event.kind in ("continued", "killed") and event.victim in since:
            still[event.victim].append((since.pop(event.victim), event.at))
    return still


def overlaps(
    attempts: Sequence[Attempt], still: Mapping[int, Sequence[tuple[float, float]]], most: float
) -> list[str]:
    """I4: two attempts' code runs at the same time only for a moment, frozen time not counted."""
    shown: list[str] = []
    for job, tries in _by_job(attempts).items():
        for index, one in enumerate(tries):
            for other in tries[index + 1 :]:
                begin, end = max(one.begin, other.begin), min(one.end, other.end)
                frozen = sum(
                    max(0.0, min(end, stop) - max(begin, start))
                    for process in {one.process, other.process}
                    for start, stop in still.get(process, ())
                )
                if end - begin - frozen > most:
                    shown.append(f"{job}: {end - begin - frozen:.3f} s")
    return shown


def early(events: Sequence[Event], clock: float) -> list[str]:
    """I7: nothing starts before its time."""
    due = {event.job: event.due for event in events if event.kind == "try" and event.due}
    return [
        f"{event.job}: {due[event.job] - event.at:.3f} s"
        for event in events
        if event.kind == "start" and event.at < due.get(event.job, 0.0) - clock
    ]


def outages(events: Sequence[Event]) -> list[tuple[float, float]]:
    """Return when the broker was away."""
    away: list[tuple[float, float]] = []
    since: float | None = None
    for event in events:
        if event.kind == "down" and since is None:
            since = event.at
        elif event.kind == "up" and since is not None:
            away.append((since, event.at))
            since = None
    return away


def late(
    attempts: Sequence[Attempt], away: Sequence[tuple[float, float]], most: float
) -> list[str]:
    """I15: the job of a worker that died starts elsewhere in time, while the broker is there."""
    shown: list[str] = []
    for job, tries in _by_job(attempts).items():
        for one, following in zip(tries, tries[1:], strict=False):
            waited = following.begin - one.end
            excused = any(start < following.begin and stop > one.end for start, stop in away)
            if one.killed and not excused and waited > most:
                shown.append(f"{job}: {waited:.3f} s")
    return shown


def not_rising(attempts: Sequence[Attempt]) -> list[str]:
    """I5: who starts later has the higher fencing number."""
    return [
        f"{job}: {one.fencing}, then {other.fencing}"
        for job, tries in _by_job(attempts).items()
        for one, other in zip(tries, tries[1:], strict=False)
        if other.fencing <= one.fencing
    ]


def twice_held(events: Sequence[Event]) -> list[str]:
    """I8: while a job holds a unique key no other one is accepted with it.

    Only what is certain: the holder was accepted before the other one was tried, and no worker had
    begun to end it when the other one was accepted.
    """
    tried = {event.job: event for event in events if event.kind == "try" and event.unique}
    accepted = {event.job: event.at for event in events if event.kind == "accepted"}
    ending: dict[str, float] = {}
    for event in events:
        if event.kind == "settling" and event.outcome in ENDS:
            ending.setdefault(event.job, event.at)
    shown: list[str] = []
    by_key: dict[str, list[str]] = defaultdict(list)
    for job, event in tried.items():
        if job in accepted:
            by_key[event.unique].append(job)
    for key, jobs in by_key.items():
        for one in jobs:
            for other in jobs:
                held = accepted[one] < tried[other].at
                if held and accepted[other] < ending.get(one, float("inf")):
                    shown.append(f"{key}: {one} and {other}")
    return shown


def missing_letters(run: Run) -> list[str]:
    """I11: the dead letters are the dead jobs."""
    died = {job for job, state in run.states.items() if state is JobState.DEAD}
    return [f"{job}: no letter" for job in sorted(died - run.dead)] + [
        f"{job}: a letter, but not dead" for job in sorted((run.dead & run.states.keys()) - died)
    ]


def _by_job(attempts: Sequence[Attempt]) -> dict[str, list[Attempt]]:
    jobs: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in sorted(attempts, key=lambda one: one.begin):
        jobs[attempt.job].append(attempt)
    return jobs
