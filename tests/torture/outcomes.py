"""What must have become of jobs, whatever was done to those who ran them: checks of a run.

Each returns what shows a violation, a line for each.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise

from headrace import JobState
from tests.torture.history import FOREVER, Span, untroubled
from tests.torture.run import Promise, Run

TICK = "tick"
"""The task that a schedule runs: its jobs are asked for by workers."""

FINAL = frozenset(state.value for state in JobState if state.final)


def lost(run: Run, promise: Promise) -> list[str]:
    """I1: every job that was accepted, or that has run, is over; but for what was wiped."""
    known = {event.job for event in [*run.all("accepted"), *run.all("start")]}
    since = {event.job: event.at - promise.recovery for event in reversed(run.all("start"))}
    since |= {event.job: event.at for event in run.all("try")}
    return sorted(
        f"{job}: {state.value if state else 'unknown'}"
        for job in known
        if since.get(job, FOREVER) > run.lost_until
        if (state := run.states.get(job)) is None or not state.final
    )


def phantom(run: Run, _: Promise) -> list[str]:
    """I2: what runs was asked for, and what was refused does not."""
    tried = {event.job for event in run.all("try")}
    refused = {event.job for event in [*run.all("refused"), *run.all("duplicate")]}
    return sorted(
        {event.job for event in run.all("start") if event.task != TICK} - tried
        | {event.job for event in run.all("start") if event.job in refused}
    )


def double_outcome(run: Run, _: Promise) -> list[str]:
    """I3: one outcome ends a job."""
    ends = Counter(
        event.job for event in run.all("settled") if event.counts and event.outcome in FINAL
    )
    return sorted(f"{job}: {number} ends" for job, number in ends.items() if number > 1)


def contradicted(run: Run, _: Promise) -> list[str]:
    """I3: a job is in the state in which it was said to have ended."""
    return [
        f"{event.job}: {event.outcome}, but now {state.value}"
        for event in run.all("settled")
        if event.counts and event.outcome in FINAL and event.at > run.lost_until
        if (state := run.states.get(event.job)) and state.value != event.outcome
    ]


def attempts(run: Run, promise: Promise) -> list[str]:
    """I5: no more starts for failures than the policy says, no more deliveries than allowed."""
    return [
        f"{event.job}: attempt {event.attempt}, delivery {event.deliveries}"
        for event in run.all("start")
        if event.attempt > promise.attempts or event.deliveries > promise.deliveries
    ]


def fencing(run: Run, promise: Promise) -> list[str]:
    """I5: who starts later has the higher fencing number, and no lower attempt.

    But for who stood still between its claim and its start: its code is stopped in a moment.
    """
    return [
        f"{job}: {one.fencing} of attempt {one.attempt}, then {other.fencing} of {other.attempt}"
        for job, tries in run.attempts.items()
        for before, after in pairwise(tries)
        for one, other in [(before.start, after.start)]
        if other.fencing <= one.fencing or other.attempt < one.attempt
        if not run.forgot(Span(before.claimed, other.at), promise)
        if not any(
            one.at < span.end <= other.at <= span.end + promise.overlap
            for span in run.frozen.get(other.process, ())
        )
    ]


def unique(run: Run, _: Promise) -> list[str]:
    """I8: while a job holds a key no other one is accepted with it.

    Only what is certain: the holder was accepted before the other one was tried, and nobody had
    begun to end it when the other one was accepted.
    """
    tried = {event.job: event for event in run.all("try") if event.unique}
    accepted = {event.job: event.at for event in run.all("accepted") if event.job in tried}
    ending: dict[str, float] = {}
    for event in [*run.all("settling"), *run.all("cancelling")]:
        if event.kind == "cancelling" or event.outcome in FINAL:
            ending[event.job] = min(event.at, ending.get(event.job, FOREVER))
    by_key: dict[str, list[str]] = defaultdict(list)
    for job, event in tried.items():
        if job in accepted:
            by_key[event.unique].append(job)
    return [
        f"{key}: {one} and {other}"
        for key, jobs in by_key.items()
        for one in jobs
        for other in jobs
        if accepted[one] < tried[other].at
        and accepted[other] < ending.get(one, FOREVER)
        and not any(accepted[one] < wipe < accepted[other] for wipe in run.wiped)
    ]


def schedule(run: Run, promise: Promise) -> list[str]:
    """I9: each tick of a second has one job, and none is missing while nothing is out of order."""
    first = {
        job: tries[0].start for job, tries in run.attempts.items() if tries[0].start.task == TICK
    }
    ticks = sorted(int(job.rpartition("-")[2]) for job in first)
    start_of = {int(job.rpartition("-")[2]): event.at for job, event in first.items()}
    trouble = run.troubles(promise.recovery)
    missing: list[str] = []
    for one, other in pairwise(ticks):
        begin, end = sorted((start_of[one], start_of[other]))
        excused = not untroubled(Span(begin - 1, end), trouble) or promise.late == FOREVER
        if other - one > 1000 and not excused:
            missing.append(f"no tick between {one} and {other}")
    return missing


def cancellation(run: Run, _: Promise) -> list[str]:
    """What was cancelled does not start again: once at most if a worker had it already."""
    shown: list[str] = []
    for event in run.all("cancelled"):
        tries = run.attempts.get(event.job, [])
        behind = [attempt for attempt in tries if attempt.start.at > event.at]
        ran = any(one.start.at <= event.at < one.end for one in tries)
        if event.counts and len(behind) + ran > 1:
            shown.append(f"{event.job}: started {len(behind)} times behind its cancellation")
    return shown


def results(run: Run, _: Promise) -> list[str]:
    """I10: what a producer reads is what an attempt returned: the one whose outcome counts."""
    counted: dict[str, set[int]] = defaultdict(set)
    for event in run.all("settled"):
        if event.counts and event.outcome == JobState.SUCCEEDED:
            counted[event.job].add(event.fencing)
    shown: list[str] = []
    for job, result in run.results.items():
        ended = {one.start.fencing for one in run.attempts.get(job, []) if one.how == "end"}
        # Nobody knows of an outcome that counts if its worker died before the answer came.
        possible = counted.get(job) or ended
        if not any(result == [job, number] for number in possible):
            shown.append(f"{job}: {result!r}, not one of {sorted(possible)}")
    return shown


def dead_letters(run: Run, _: Promise) -> list[str]:
    """I11: the dead letters are the dead jobs, and each says why."""
    died = {job for job, state in run.states.items() if state is JobState.DEAD}
    return [
        *(f"{job}: no letter" for job in sorted(died - run.dead.keys())),
        *(
            f"{job}: a letter, but not dead"
            for job in sorted((run.dead.keys() & run.states.keys()) - died)
        ),
        *(f"{job}: no reason" for job, reason in run.dead.items() if not reason),
    ]


def leftovers(run: Run, _: Promise) -> list[str]:
    """I12, I13: nothing is left on the broker but results, states and dead letters."""
    return [*run.left]
