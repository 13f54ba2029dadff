"""When things must have happened, whatever was done to those who did them: checks of a run.

Each returns what shows a violation, a line for each.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations, pairwise

from tests.torture.history import FOREVER, Attempt, Span, untroubled
from tests.torture.run import Promise, Run


def overlap(run: Run, promise: Promise) -> list[str]:
    """I4: two attempts' code runs at the same time only for a moment, frozen time not counted."""
    shown: list[str] = []
    for job, tries in run.attempts.items():
        for one, other in combinations(tries, 2):
            both = Span(other.start.at, min(one.end, other.end))
            seconds = both.end - both.begin - _frozen(run, both, one, other)
            if seconds > _allowed(run, promise, one, other) and not one.start.stubborn:
                shown.append(f"{job}: {seconds:.3f} s")
    return shown


def _frozen(run: Run, both: Span, *attempts: Attempt) -> float:
    processes = {attempt.start.process for attempt in attempts}
    return sum(
        max(0.0, both.overlap(span)) for pid in processes for span in run.frozen.get(pid, ())
    )


def _allowed(run: Run, promise: Promise, one: Attempt, other: Attempt) -> float:
    """Who cannot ask the broker notices later that it lost its lease."""
    around = Span(one.start.at, other.end)
    silences = [*run.down, *run.cut.get(one.start.process, ())]
    if any(one.start.at < wipe < other.start.at for wipe in run.wiped):
        return FOREVER
    return promise.overlap if untroubled(around, silences) else promise.blind


def early(run: Run, promise: Promise) -> list[str]:
    """I7: nothing starts before its time."""
    due = {event.job: event.due for event in run.all("try") if event.due}
    return [
        f"{event.job}: {due[event.job] - event.at:.3f} s"
        for event in run.all("start")
        if event.at < due.get(event.job, 0.0) - promise.clock
    ]


def late(run: Run, promise: Promise) -> list[str]:
    """I7: what is due starts soon, while nothing is out of order."""
    first = {job: tries[0].start.at for job, tries in run.attempts.items()}
    trouble = run.troubles(promise.recovery)
    return [
        f"{event.job}: {first[event.job] - event.due:.3f} s"
        for event in run.all("try")
        if event.due and event.job in first
        if first[event.job] - event.due > promise.late
        if untroubled(Span(event.due, first[event.job]), trouble)
    ]


def retries(run: Run, promise: Promise) -> list[str]:
    """I6: the next attempt waits for the backoff, and not for much longer."""
    trouble = run.troubles(promise.recovery)
    shown: list[str] = []
    for job, tries in run.attempts.items():
        for one, other in pairwise(tries):
            number = one.start.attempt
            if one.how != "failed" or other.start.attempt != number + 1:
                continue
            longest = promise.base * promise.factor ** (number - 1)
            waited = other.start.at - one.end
            soon = waited < longest * (1 - promise.jitter) - 0.001
            slow = waited > longest + promise.late
            if soon or (slow and untroubled(Span(one.end, other.start.at), trouble)):
                shown.append(f"{job}: attempt {number + 1} after {waited:.3f} s")
    return shown


def recovery(run: Run, promise: Promise) -> list[str]:
    """I15: the job of a worker that fell silent starts elsewhere in time, if the broker is there."""
    silences: dict[int, list[float]] = defaultdict(list)
    for victims in (run.frozen, run.cut):
        for pid, found in victims.items():
            silences[pid] += [span.begin for span in found]
    shown: list[str] = []
    for job, tries in run.attempts.items():
        for one, other in pairwise(tries):
            fell = [at for at in silences[one.start.process] if one.start.at <= at <= one.end]
            if one.how == "killed":
                fell.append(one.end)
            same_copy = other.start.deliveries > one.start.deliveries
            if not fell or not same_copy:
                continue
            waited = Span(min(fell), other.start.at)
            excused = not untroubled(waited, run.down) or any(
                waited.begin < wipe < waited.end for wipe in run.wiped
            )
            if not excused and waited.end - waited.begin > promise.recovery:
                shown.append(f"{job}: {waited.end - waited.begin:.3f} s")
    return shown


def released(run: Run, promise: Promise) -> list[str]:
    """I16: what a worker gives back starts elsewhere at once, and no attempt is charged."""
    trouble = [
        *run.down,
        *(Span(event.at, event.at + promise.recovery) for event in run.all("killed")),
        *(span for found in run.frozen.values() for span in found),
        *(span for found in run.cut.values() for span in found),
    ]
    shown: list[str] = []
    for event in run.all("settled"):
        if not event.counts or event.outcome != "released":
            continue
        behind = [one.start for one in run.attempts.get(event.job, []) if one.start.at > event.at]
        if not behind:
            continue
        waited = Span(event.at, behind[0].at)
        slow = waited.end - waited.begin > promise.late and untroubled(waited, trouble)
        before = [one.start for one in run.attempts[event.job] if one.start.at <= event.at]
        charged = (
            before
            and before[-1].fencing == event.fencing
            and (behind[0].attempt != before[-1].attempt)
        )
        if slow or charged:
            shown.append(
                f"{event.job}: {waited.end - waited.begin:.3f} s, attempt {behind[0].attempt}"
            )
    return shown


def shutdown(run: Run, promise: Promise) -> list[str]:
    """I16: who is asked to end has ended in time, and says that all is well."""
    asked: dict[int, float] = {}
    shown: list[str] = []
    for event in run.events:
        if event.kind == "asked to end":
            asked.setdefault(event.victim, event.at)
        elif event.kind == "exited" and event.victim in asked:
            took = event.at - asked.pop(event.victim)
            if took > promise.shutdown or event.outcome != "0":
                shown.append(f"{event.victim}: code {event.outcome} after {took:.3f} s")
        elif event.kind == "exited":
            shown.append(f"{event.victim}: ended by itself, code {event.outcome}")
        elif event.kind == "killed":
            asked.pop(event.victim, None)
    return shown + [f"{pid}: never ended" for pid in asked]


def hot_loop(run: Run, promise: Promise) -> list[str]:
    """I17: who lost its broker does not hammer at the door."""
    before: dict[int, tuple[float, int]] = {}
    shown: list[str] = []
    for event in run.all("sample"):
        at, connections = before.get(event.victim, (event.at, event.connections))
        rate = promise.knocks * max(1.0, event.at - at)
        if event.connections - connections > rate:
            shown.append(f"{event.victim}: {event.connections - connections} connections")
        before[event.victim] = event.at, event.connections
    return shown


def leaks(run: Run, promise: Promise) -> list[str]:
    """I13, I18: who lives long holds no more of its machine in the end than when it had begun."""
    first: dict[int, list[int]] = {}
    shown: list[str] = []
    samples = run.all("sample")
    last = {event.victim: event for event in samples}
    for event in samples:
        first.setdefault(event.victim, []).append(event.descriptors + event.threads)
        if event.memory > promise.memory:
            shown.append(f"{event.victim}: {event.memory >> 20} MiB")
    for pid, counts in first.items():
        held = last[pid].descriptors + last[pid].threads
        if len(counts) > SETTLED and held > max(counts[:SETTLED]) + SPARE:
            shown.append(f"{pid}: {held} descriptors and threads, at first {max(counts[:SETTLED])}")
    return shown


SETTLED = 8
"""Samples until a worker has made all connections and threads that it needs."""
SPARE = 30
"""Threads that a worker makes when they are first needed, and connections that come and go."""
