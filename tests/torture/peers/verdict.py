"""Judges what can be seen of a peer from outside: what its tasks wrote, and what its client says.

What a broker hands out and settles nobody writes down for a peer. So nothing is said of fencing,
double outcomes, releases, unique keys, schedules, cancellation, dead letters and leftovers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from msgspec.structs import replace

from headrace import JobState
from tests.torture import outcomes, timing
from tests.torture.check import Report, counted
from tests.torture.history import Attempt, Span, attempts_of, untroubled
from tests.torture.ledger import Event
from tests.torture.run import Promise, Run

POISON = 10
"""Deliveries beyond which a job that takes its worker down is taken to do so for ever."""


def lost(run: Run, promise: Promise) -> list[str]:
    """What was accepted came to an end; but for poison, which has a name of its own."""
    looping = {line.partition(":")[0] for line in poison_loop(run, promise)}
    return [line for line in outcomes.lost(run, promise) if line.partition(":")[0] not in looping]


def poison_loop(run: Run, promise: Promise) -> list[str]:
    """No job takes workers down for ever."""
    died = {job: sum(one.how == "killed" for one in tries) for job, tries in run.attempts.items()}
    return [f"{job}: {number} workers" for job, number in died.items() if number > POISON]


def attempts(run: Run, promise: Promise) -> list[str]:
    """No task is started more often for its failures than the policy says."""
    shown: list[str] = []
    for job, tries in run.attempts.items():
        failed = sum(one.how == "failed" for one in tries)
        if failed > promise.attempts:
            shown.append(f"{job}: failed {failed} times")
    return shown


def again(run: Run, promise: Promise) -> list[str]:
    """What has ended is not started again, if its worker and the broker were well meanwhile."""
    shown: list[str] = []
    for job, tries in run.attempts.items():
        for one, other in pairwise(tries):
            if one.how == "end" and other.start.at > one.end and _well(run, one, other):
                shown.append(f"{job}: {other.start.at - one.end:.3f} s behind its end")
    return shown


def _well(run: Run, one: Attempt, other: Attempt) -> bool:
    """Tell whether the worker of an attempt was well from its start until the next one's."""
    around = Span(one.start.at, other.start.at)
    process = one.start.process
    ends = [
        Span(event.at, event.at)
        for kind in ("killed", "exited", "asked to end")
        for event in run.all(kind)
        if event.victim == process
    ]
    troubles = [*run.down, *run.frozen.get(process, ()), *run.cut.get(process, ())]
    died = any(around.begin <= end.begin <= around.end for end in ends)
    return not died and untroubled(around, troubles)


def long_overlap(run: Run, promise: Promise) -> list[str]:
    """No two workers run a job at the same time for long, frozen time not counted."""
    return timing.overlap(run, promise)


def told_as_failed(run: Run, _: Promise) -> list[str]:
    """What has ended well is not told to have failed."""
    dead = {job for job, state in run.states.items() if state is JobState.DEAD}
    return sorted(_ended(run) & dead)


def no_result(run: Run, _: Promise) -> list[str]:
    """What has ended well has a result, or is told to have failed."""
    dead = {job for job, state in run.states.items() if state is JobState.DEAD}
    accepted = {event.job for event in run.all("accepted")}
    return sorted(_ended(run) & accepted - run.results.keys() - dead)


def _ended(run: Run) -> set[str]:
    return {job for job, tries in run.attempts.items() if any(one.how == "end" for one in tries)}


def shutdown(run: Run, promise: Promise) -> list[str]:
    """I16: who is asked to end has ended in time and says that all is well."""
    return [line for line in timing.shutdown(run, promise) if ITSELF not in line]


def ended_by_itself(run: Run, promise: Promise) -> list[str]:
    """I17: no worker ends that nobody asked to, and that no job took down."""
    return [line for line in timing.shutdown(run, promise) if ITSELF in line]


ITSELF = "ended by itself"


CHECKS: tuple[Callable[[Run, Promise], list[str]], ...] = (
    lost,
    poison_loop,
    attempts,
    again,
    long_overlap,
    told_as_failed,
    no_result,
    shutdown,
    ended_by_itself,
    outcomes.phantom,
    outcomes.results,
    timing.early,
    timing.late,
    timing.recovery,
    timing.hot_loop,
)


def seen(events: Sequence[Event], answers: Mapping[str, Any]) -> Run:
    """Return a run as it is seen from outside.

    Args:
        events: Of all processes, in order.
        answers: What the peer's client says of jobs that are over.
    """
    ended = {event.job for event in events if event.kind == "end"}
    states = dict.fromkeys(ended, JobState.SUCCEEDED)
    states |= {
        job: JobState.SUCCEEDED if fine else JobState.DEAD for job, (fine, _) in answers.items()
    }
    # A dead job has a result as well: that it failed.
    results = {job: value for job, (fine, value) in answers.items() if fine}
    return Run(_numbered(events), states, results=results)


def _numbered(events: Sequence[Event]) -> list[Event]:
    """Number the deliveries of each attempt: peers do not tell. Who starts a job was handed it."""
    numbers: dict[tuple[str, float], int] = {}
    for job, tries in attempts_of(events).items():
        number = 1
        for one in tries:
            numbers[job, one.start.at] = number
            number += one.how != "failed"
    found: list[Event] = []
    for event in events:
        if event.kind == "start":
            event = replace(event, deliveries=numbers[event.job, event.at])  # noqa: PLW2901
            found.append(replace(event, kind="claimed"))
        found.append(event)
    return found


def judged(run: Run, promise: Promise, needed: Iterable[str]) -> Report:
    """Check a run.

    Args:
        run: What happened.
        promise: What holds.
        needed: Counts that must not be zero: else the run has shown nothing.
    """
    counts = counted(run)
    found = {check.__name__.replace("_", " "): check(run, promise) for check in CHECKS}
    found["vacuous"] = [name for name in needed if not counts[name]]
    return Report({name: shown for name, shown in found.items() if shown}, dict(counts))
