"""The checker finds what it is for, and nothing where nothing is."""

from __future__ import annotations

from typing import Any

import pytest

from headrace import JobState
from tests.torture.check import Report, judge
from tests.torture.ledger import Event
from tests.torture.run import Promise, Run

PROMISE = Promise(recovery=3.0, overlap=0.5, blind=1.5, late=2.0, shutdown=5.0)


def event(kind: Any, at: float, job: str = "a", process: int = 1, **facts: Any) -> Event:
    return Event(kind=kind, at=at, process=process, job=job, **facts)


def accepted(job: str = "a", at: float = 0.0, **facts: Any) -> list[Event]:
    return [event("try", at, job, 9, **facts), event("accepted", at + 0.1, job, 9)]


def ran(
    begin: float, end: float, job: str = "a", process: int = 1, fencing: int = 1, **facts: Any
) -> list[Event]:
    return [
        event("start", begin, job, process, fencing=fencing, **facts),
        event("end", end, job, process, fencing=fencing),
    ]


def settled(
    at: float,
    job: str = "a",
    process: int = 1,
    *,
    counts: bool = True,
    outcome: str = "succeeded",
    fencing: int = 1,
) -> list[Event]:
    facts = {"outcome": outcome, "fencing": fencing}
    return [
        event("settling", at - 0.05, job, process, **facts),
        event("settled", at, job, process, counts=counts, **facts),
    ]


def judged(
    *parts: list[Event],
    states: dict[str, JobState] | None = None,
    dead: dict[str, str] | None = None,
    results: dict[str, Any] | None = None,
    needed: tuple[str, ...] = (),
    forbidden: tuple[str, ...] = (),
    left: tuple[str, ...] = (),
) -> Report:
    events = sorted((one for part in parts for one in part), key=lambda one: one.at)
    if states is None:
        states = {one.job: JobState.SUCCEEDED for one in events if one.kind == "try"}
    return judge(Run(events, states, dead, results, left), PROMISE, needed, forbidden)


def killed(at: float, process: int = 1) -> list[Event]:
    return [Event(kind="killed", at=at, process=9, victim=process)]


def test_a_run_without_trouble_violates_nothing() -> None:
    report = judged(accepted(), ran(1, 2), settled(2.1))
    assert report.violations == {}
    assert report.counts["accepted"] == 1


def test_a_recovered_job_violates_nothing() -> None:
    again = ran(4, 5, process=2, fencing=2, deliveries=2)
    report = judged(
        accepted(),
        [event("start", 1, fencing=1, deliveries=1)],
        killed(1.5),
        again,
        settled(5.1, process=2),
        needed=("recovered", "interrupted"),
    )
    assert report.violations == {}
    assert (report.counts["recovered"], report.counts["interrupted"]) == (1, 1)


@pytest.mark.parametrize("state", [None, JobState.QUEUED, JobState.RUNNING])
def test_an_accepted_job_that_is_not_over_is_lost(state: JobState | None) -> None:
    states = {} if state is None else {"a": state}
    assert list(judged(accepted(), states=states).violations) == ["lost"]


def test_a_job_of_which_nobody_knows_whether_it_was_accepted_may_be_missing() -> None:
    assert judged([event("try", 0), event("unknown", 1)], states={}).violations == {}


def test_a_job_that_nobody_asked_for_is_a_phantom() -> None:
    assert list(judged(ran(1, 2)).violations) == ["phantom"]


def test_two_outcomes_that_count_are_one_too_many() -> None:
    report = judged(accepted(), ran(1, 2), settled(2.1), settled(2.2, process=2))
    assert list(report.violations) == ["double outcome"]


def test_an_outcome_that_does_not_count_is_fenced() -> None:
    report = judged(accepted(), ran(1, 2), settled(2.1), settled(2.2, process=2, counts=False))
    assert report.violations == {}
    assert report.counts["fenced"] == 1


def test_code_that_runs_twice_at_a_time_overlaps() -> None:
    report = judged(
        accepted(), ran(1, 5), ran(4, 6, process=2, fencing=2, deliveries=2), settled(6.1)
    )
    assert list(report.violations) == ["overlap"]


def test_code_in_a_process_that_stands_still_does_not_run() -> None:
    report = judged(
        accepted(),
        ran(1, 5.2),
        [Event(kind="stopped", at=1.5, process=9, victim=1)],
        [Event(kind="continued", at=5, process=9, victim=1)],
        ran(4, 6, process=2, fencing=2, deliveries=2),
        settled(6.1),
    )
    assert report.violations == {}


def test_a_delayed_job_that_starts_before_its_time_is_early() -> None:
    assert list(judged(accepted(due=1.5), ran(1, 2), settled(2.1)).violations) == ["early"]
    assert judged(accepted(due=1.0), ran(1, 2), settled(2.1)).violations == {}


def test_a_job_of_a_dead_worker_that_waits_too_long_is_late() -> None:
    late = [
        accepted(),
        [event("start", 1, fencing=1)],
        killed(1.5),
        ran(6, 7, process=2, fencing=2),
        settled(7.1),
    ]
    assert list(judged(*late).violations) == ["late recovery"]
    away = [Event(kind="down", at=2, process=9), Event(kind="up", at=4, process=9)]
    assert judged(*late, away).violations == {}


def test_who_starts_later_has_the_higher_number() -> None:
    report = judged(accepted(), ran(1, 2, fencing=5), ran(3, 4, fencing=4), settled(4.1))
    assert list(report.violations) == ["fencing"]


def test_a_key_that_two_jobs_hold_is_not_unique() -> None:
    one, other = accepted("a", unique="k"), accepted("b", at=1.0, unique="k")
    ends = [*settled(3, "a"), *settled(4, "b")]
    assert list(judged(one, other, ends).violations) == ["unique"]
    ended_before = [*settled(0.9, "a"), *settled(4, "b")]
    assert judged(one, other, ended_before).violations == {}


def test_a_dead_job_has_a_letter_and_no_other_has() -> None:
    died = {"a": JobState.DEAD}
    assert list(judged(accepted(), states=died).violations) == ["dead letters"]
    assert judged(accepted(), states=died, dead=frozenset({"a"})).violations == {}
    report = judged(accepted(), dead=frozenset({"a"}))
    assert list(report.violations) == ["dead letters"]


def test_a_run_in_which_nothing_happened_shows_nothing() -> None:
    report = judged(accepted(), ran(1, 2), settled(2.1), needed=("recovered", "accepted"))
    assert report.violations == {"vacuous": ["recovered"]}
