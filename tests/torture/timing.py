"""When things must have happened, whatever was done to those who did them: checks of a run.

Each returns what shows a violation, a line for each.
"""

from __future__ import annotations

import signal
from itertools import combinations, pairwise

from tests.torture.history import FOREVER, Attempt, Span, covered, untroubled
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
    if run.forgot(Span(one.claimed, other.start.at), promise):
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
    """I6: the next attempt waits for the backoff, and not for much longer.

    Of an attempt that ran more than once any failure may be the one that counted.
    """
    trouble = run.troubles(promise.recovery)
    shown: list[str] = []
    for job, tries in run.attempts.items():
        for one, other in pairwise(tries):
            number = one.start.attempt
            if one.how != "failed" or other.start.attempt != number + 1:
                continue
            if run.forgot(Span(one.claimed, other.start.at), promise):
                continue
            longest = promise.base * promise.factor ** (number - 1)
            first = min(each.end for each in tries if each.start.attempt == number)
            soon = other.start.at - first < longest * (1 - promise.jitter) - 0.001
            slow = other.start.at - one.end > longest + promise.late
            if soon or (slow and untroubled(Span(one.end, other.start.at), trouble)):
                waited = other.start.at - one.end
                shown.append(f"{job}: attempt {number + 1} after {waited:.3f} s")
    return shown


def recovery(run: Run, promise: Promise) -> list[str]:
    """I15: the job of a worker that fell silent starts elsewhere in time, if the broker is there.

    The last delivery of a copy goes to a worker that runs no other such one: these wait for each
    other, and the time for which another one ran does not count; nor does that for which the
    worker stood still that was given the job.
    """
    suspects = [
        attempt.span
        for tries in run.attempts.values()
        for attempt in tries
        if attempt.start.deliveries == promise.deliveries
    ]
    shown: list[str] = []
    for job, tries in run.attempts.items():
        for one, other in pairwise(tries):
            fell = _silence(run, promise, one)
            if fell is None or other.start.deliveries <= one.start.deliveries:
                continue
            waited = Span(fell, other.start.at)
            excess = covered(waited, run.frozen.get(other.start.process, ()))
            if other.start.deliveries == promise.deliveries:
                excess += covered(waited, suspects) + promise.aside
            seconds = waited.end - fell - excess
            # A silent worker that asked for jobs is given some: a delivery without a start, which
            # not every broker counts.
            times = other.start.deliveries - one.start.deliveries
            times = max(times, 1 + _silent(run, waited, one.start.process))
            if seconds > times * promise.recovery and not _excused(run, waited):
                shown.append(f"{job}: {seconds:.3f} s until delivery {other.start.deliveries}")
    return shown


def _silence(run: Run, promise: Promise, attempt: Attempt) -> float | None:
    """Return when the worker of an attempt fell silent during it."""
    spans = [*run.frozen.get(attempt.start.process, ()), *run.cut.get(attempt.start.process, ())]
    fell = [
        span.begin
        for span in spans
        if attempt.start.at <= span.begin <= attempt.end
        if span.end - span.begin > promise.blink
    ]
    if attempt.how == "killed":
        fell.append(attempt.end)
    return min(fell, default=None)


def _silent(run: Run, waited: Span, but: int) -> int:
    """Return how many other workers were silent, or fell silent, in a span."""
    frozen_or_cut = {
        pid
        for victims in (run.frozen, run.cut)
        for pid, spans in victims.items()
        if not untroubled(waited, spans)
    }
    gone = {
        event.victim
        for event in [*run.all("killed"), *run.all("exited")]
        if waited.begin < event.at < waited.end
    }
    return len((frozen_or_cut | gone) - {but})


def _excused(run: Run, waited: Span) -> bool:
    wiped = any(waited.begin < wipe < waited.end for wipe in run.wiped)
    return wiped or not untroubled(waited, run.down)


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
        tries = [attempt.start for attempt in run.attempts.get(event.job, [])]
        behind = next((start for start in tries if start.fencing > event.fencing), None)
        before = next((start for start in tries if start.fencing == event.fencing), None)
        if behind is None:
            continue
        waited = Span(event.at, behind.at)
        slow = waited.end - waited.begin > promise.late and untroubled(waited, trouble)
        if slow or (before is not None and behind.attempt != before.attempt):
            seconds = waited.end - waited.begin
            shown.append(f"{event.job}: {seconds:.3f} s, attempt {behind.attempt}")
    return shown


def shutdown(run: Run, promise: Promise) -> list[str]:
    """I16: who is asked to end has ended in time and says whether all jobs came to their end."""
    asked: dict[int, list[float]] = {}
    killed = {event.victim for event in run.all("killed")}
    stubborn = {event.process for event in run.all("start") if event.stubborn}
    serving = {event.process for event in run.all("claimed")}
    shown: list[str] = []
    for event in run.events:
        if event.kind == "asked to end":
            asked.setdefault(event.victim, []).append(event.at)
        elif event.kind == "exited" and event.victim in asked:
            requests = asked.pop(event.victim)
            took = event.at - requests[0]
            hurried = len(requests) > 1 or event.victim in stubborn
            codes = ("0", "1") if hurried else ("0",)
            if event.victim not in serving:
                codes = (*codes, UNHEARD)
            if took > promise.shutdown or event.outcome not in codes:
                shown.append(f"{event.victim}: code {event.outcome} after {took:.3f} s")
        elif event.kind == "exited" and event.victim not in killed:
            shown.append(f"{event.victim}: ended by itself, code {event.outcome}")
    return shown + [f"{pid}: never ended" for pid in asked.keys() - killed]


UNHEARD = str(-signal.SIGTERM)
"""How a process ends that is asked to before it listens: while it is started."""


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
