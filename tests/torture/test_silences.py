"""What a worker does that stood still is no one's fault, but only as far as it stood still."""

from __future__ import annotations

from headrace import JobState
from tests.torture.history import Span
from tests.torture.ledger import Event, Kind
from tests.torture.outcomes import fencing, schedule
from tests.torture.run import Promise, Run
from tests.torture.timing import recovery

PROMISE = Promise(recovery=3.0, overlap=0.5, blind=1.5, late=2.0, shutdown=5.0, blink=1.5)


def run_of(*events: Event) -> Run:
    return Run(sorted(events, key=lambda one: one.at), dict[str, JobState]())


def start(at: float, process: int, fence: int, deliveries: int, job: str = "a") -> Event:
    task = "tick" if job.startswith("cron") else "work"
    return Event(
        kind="start",
        at=at,
        process=process,
        job=job,
        task=task,
        fencing=fence,
        deliveries=deliveries,
    )


def during(begin: Kind, end: Kind, victim: int, span: Span) -> list[Event]:
    return [
        Event(kind=begin, at=span.begin, victim=victim),
        Event(kind=end, at=span.end, victim=victim),
    ]


def killed(at: float, victim: int) -> Event:
    return Event(kind="killed", at=at, victim=victim)


def test_who_goes_on_may_start_what_another_one_has_by_now() -> None:
    frozen = during("stopped", "continued", 1, Span(1.0, 6.0))
    assert fencing(run_of(*frozen, start(4, 2, 2, 2), start(6.1, 1, 1, 1)), PROMISE) == []
    assert len(fencing(run_of(*frozen, start(4, 2, 2, 2), start(7, 1, 1, 1)), PROMISE)) == 1


def test_a_moment_of_silence_does_not_begin_a_recovery() -> None:
    blink = during("cut off", "reached", 1, Span(1.0, 2.0))
    rest = [start(0.5, 1, 1, 1), killed(3.0, 1), start(5.9, 2, 2, 2)]
    assert recovery(run_of(*blink, *rest), PROMISE) == []
    silence = during("cut off", "reached", 1, Span(1.0, 2.9))
    assert len(recovery(run_of(*silence, *rest), PROMISE)) == 1


def test_each_delivery_has_the_time_of_a_recovery() -> None:
    before = [start(0.5, 1, 1, 1), killed(1.0, 1)]
    assert recovery(run_of(*before, start(6.9, 2, 3, 3)), PROMISE) == []
    assert len(recovery(run_of(*before, start(6.9, 2, 2, 2)), PROMISE)) == 1


def test_the_time_does_not_count_for_which_the_next_worker_stood_still() -> None:
    before = [start(0.5, 1, 1, 1), killed(1.0, 1), start(6.0, 2, 2, 2)]
    frozen = during("stopped", "continued", 2, Span(3.0, 6.0))
    assert recovery(run_of(*before, *frozen), PROMISE) == []


def test_a_tick_that_is_missing_is_excused_by_what_happened_within_its_second() -> None:
    ticks = [start(5.0, 1, 1, 1, "cron-tick-2000"), start(5.0, 1, 2, 1, "cron-tick-5000")]
    assert len(schedule(run_of(*ticks), PROMISE)) == 1
    assert schedule(run_of(killed(4.5, 2), *ticks), PROMISE) == []
