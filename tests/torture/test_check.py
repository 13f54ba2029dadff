"""The checker finds what it is for, and nothing where nothing is."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from headrace import JobState
from tests.torture.check import Report, judge
from tests.torture.ledger import Event
from tests.torture.run import Promise, Run

DONE = JobState.SUCCEEDED
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
        needed=("recovered", "lives lost"),
    )
    assert report.violations == {}
    assert (report.counts["recovered"], report.counts["lives lost"]) == (1, 1)


@pytest.mark.parametrize("state", [None, JobState.QUEUED, JobState.RUNNING])
def test_an_accepted_job_that_is_not_over_is_lost(state: JobState | None) -> None:
    states = {} if state is None else {"a": state}
    assert list(judged(accepted(), states=states).violations) == ["lost"]


def test_a_job_of_which_nobody_knows_whether_it_was_accepted_may_be_missing() -> None:
    assert judged([event("try", 0), event("unknown", 1)], states={}).violations == {}


def test_a_job_that_nobody_asked_for_is_a_phantom() -> None:
    assert list(judged(ran(1, 2), states={"a": DONE}).violations) == ["phantom"]


@pytest.mark.parametrize("answer", ["refused", "duplicate"])
def test_a_job_that_was_refused_does_not_run(answer: str) -> None:
    refused = [event("try", 0), event(answer, 0.5)]
    assert list(judged(refused, ran(1, 2)).violations) == ["phantom"]


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


def unsettled(at: float, process: int = 1, fencing: int = 1, **facts: Any) -> list[Event]:
    return [event("start", at, "a", process, fencing=fencing, **facts)]


AGAIN = ran(6, 7, process=2, fencing=2, deliveries=2) + settled(7.1, process=2, fencing=2)


def test_a_job_of_a_dead_worker_that_waits_too_long_is_late() -> None:
    late = [accepted(), unsettled(1, deliveries=1), killed(1.5), AGAIN]
    assert list(judged(*late).violations) == ["recovery"]
    away = [Event(kind="down", at=2), Event(kind="up", at=4)]
    assert judged(*late, away).violations == {}
    assert (
        judged(*late, [Event(kind="wiped", at=2, outcome="everything")], states={}).violations == {}
    )


@pytest.mark.parametrize("silence", ["stopped", "cut off"])
def test_so_is_that_of_one_that_fell_silent(silence: str) -> None:
    fell = [Event(kind=silence, at=2, victim=1)]  # type: ignore[arg-type]
    report = judged(accepted(), unsettled(1, deliveries=1), fell, AGAIN)
    assert "recovery" in report.violations


def test_the_last_deliveries_of_copies_wait_for_each_other() -> None:
    third = ran(6, 7, process=2, fencing=3, deliveries=3) + settled(7.1, process=2, fencing=3)
    late = [accepted(), unsettled(0.5, fencing=2, deliveries=2), killed(1.5), third]
    assert list(judged(*late).violations) == ["recovery"]
    other = ran(3, 6, "b", 2, fencing=9, deliveries=3)
    assert judged(*late, accepted("b"), other, settled(6.1, "b", 2, fencing=9)).violations == {}


def test_who_starts_later_has_the_higher_number() -> None:
    report = judged(accepted(), ran(1, 2, fencing=5), ran(3, 4, fencing=4), settled(4.1))
    assert list(report.violations) == ["fencing"]


def test_no_attempt_is_taken_back() -> None:
    tries = ran(1, 2, attempt=2), ran(3, 4, fencing=2, attempt=1)
    assert list(judged(accepted(), *tries, settled(4.1)).violations) == ["fencing"]


@pytest.mark.parametrize("facts", [{"attempt": 5}, {"deliveries": 4}])
def test_there_are_so_many_attempts_and_deliveries(facts: dict[str, Any]) -> None:
    assert list(judged(accepted(), ran(1, 2, **facts), settled(2.1)).violations) == ["attempts"]


def test_an_outcome_that_counts_is_what_the_broker_tells() -> None:
    report = judged(accepted(), ran(1, 2), settled(2.1), states={"a": JobState.CANCELLED})
    assert list(report.violations) == ["contradicted"]


def failed(at: float, attempt: int, fencing: int) -> list[Event]:
    facts: dict[str, Any] = {"attempt": attempt, "fencing": fencing}
    return [
        event("start", at, **facts),
        event("failed", at + 0.1, **facts),
        *settled(at + 0.2, outcome="rescheduled", fencing=fencing),
    ]


@pytest.mark.parametrize(("wait", "kept"), [(0.05, False), (0.15, True), (1.0, True), (3.0, False)])
def test_a_retry_waits_for_its_backoff_and_not_much_longer(wait: float, kept: bool) -> None:
    begin = 1.1 + wait
    again = ran(begin, begin + 1, fencing=2, attempt=2)
    report = judged(accepted(), failed(1, 1, 1), again, settled(begin + 1.1, fencing=2))
    assert list(report.violations) == ([] if kept else ["retries"])


def test_a_delayed_job_starts_soon() -> None:
    late = [accepted(due=1.0), ran(5, 6), settled(6.1)]
    assert list(judged(*late).violations) == ["late"]
    assert judged(*late, killed(2, process=7)).violations == {}


@pytest.mark.parametrize(("begin", "attempt", "kept"), [(3, 1, True), (3, 2, False), (9, 1, False)])
def test_what_is_given_back_starts_soon_and_is_charged_nothing(
    begin: float, attempt: int, kept: bool
) -> None:
    given_back = [*unsettled(1, attempt=1), *settled(2, outcome="released")]
    again = ran(begin, begin + 1, process=2, fencing=2, attempt=attempt)
    end = settled(begin + 1.1, process=2, fencing=2)
    report = judged(accepted(), given_back, again, end)
    assert ("released" in report.violations) is not kept


def asked(*moments: float) -> list[Event]:
    serving = [Event(kind="claimed", at=0.0, process=1)]
    return serving + [Event(kind="asked to end", at=moment, victim=1) for moment in moments]


def exited(at: float, code: str) -> list[Event]:
    return [Event(kind="exited", at=at, victim=1, outcome=code)]


@pytest.mark.parametrize(
    ("events", "kept"),
    [
        ([*asked(1), *exited(3, "0")], True),
        ([*asked(1), *exited(7, "0")], False),
        ([*asked(1), *exited(3, "1")], False),
        ([*asked(1, 1.1), *exited(3, "1")], True),
        ([*asked(1), *exited(3, "-15")], False),
        ([*asked(1)[1:], *exited(3, "-15")], True),
        (asked(1), False),
        (exited(3, "0"), False),
        ([*killed(2), *exited(3, "-11")], True),
    ],
)
def test_who_is_asked_to_end_does_and_nobody_else(events: list[Event], kept: bool) -> None:
    assert list(judged(events).violations) == ([] if kept else ["shutdown"])


def sample(at: float, **facts: int) -> list[Event]:
    return [Event(kind="sample", at=at, victim=1, **facts)]  # type: ignore[arg-type]


def test_who_connects_again_and_again_runs_hot() -> None:
    assert judged(sample(1, connections=3), sample(2, connections=20)).violations == {}
    hot = judged(sample(1, connections=3), sample(2, connections=40))
    assert list(hot.violations) == ["hot loop"]


def test_who_holds_more_and_more_leaks() -> None:
    def life(growth: int) -> list[list[Event]]:
        return [sample(at, descriptors=20 + growth * at, threads=3) for at in range(20)]

    assert judged(*life(0)).violations == {}
    assert list(judged(*life(3)).violations) == ["leaks"]
    assert list(judged(sample(1, memory=1 << 30)).violations) == ["leaks"]


def tick(second: int, at: float) -> list[Event]:
    job = f"cron-tick-{second * 1000}"
    facts: dict[str, Any] = {"task": "tick", "fencing": second}
    return [event("start", at, job, **facts), event("end", at, job, **facts)]


def test_a_tick_is_missing_only_while_something_is_out_of_order() -> None:
    ticks = [*tick(1, 1.0), *tick(2, 2.0), *tick(5, 5.0)]
    states = {f"cron-tick-{second}000": DONE for second in (1, 2, 5)}
    assert list(judged(ticks, states=states).violations) == ["schedule"]
    assert judged(ticks, killed(3, process=5), states=states).violations == {}


def cancelled(at: float, *, counts: bool = True) -> list[Event]:
    return [event("cancelling", at - 0.1), event("cancelled", at, counts=counts)]


def test_what_is_cancelled_does_not_start_again() -> None:
    first = unsettled(1)
    again = ran(4, 5, process=2, fencing=2, deliveries=2)
    end = settled(5.1, process=2, fencing=2, outcome="cancelled")
    states = {"a": JobState.CANCELLED}
    taken_back = [accepted(), first, cancelled(1.5), killed(2), again, end]
    assert list(judged(*taken_back, states=states).violations) == ["cancellation"]
    too_late = [accepted(), first, cancelled(1.5, counts=False), killed(2), again, end]
    assert judged(*too_late, states=states).violations == {}


@pytest.mark.parametrize(
    ("result", "kept"), [(["a", 1], True), (["a", 2], False), (["b", 1], False), ("lost", False)]
)
def test_a_result_is_that_of_the_attempt_that_counts(result: Any, kept: bool) -> None:
    report = judged(accepted(), ran(1, 2), settled(2.1), results={"a": result})
    assert list(report.violations) == ([] if kept else ["results"])


def test_a_key_that_two_jobs_hold_is_not_unique() -> None:
    one, other = accepted("a", unique="k"), accepted("b", at=1.0, unique="k")
    ends = [*settled(3, "a"), *settled(4, "b")]
    assert list(judged(one, other, ends).violations) == ["unique"]
    ended_before = [*settled(0.9, "a"), *settled(4, "b")]
    assert judged(one, other, ended_before).violations == {}


def test_a_dead_job_has_a_letter_with_a_reason_and_no_other_has_one() -> None:
    died = {"a": JobState.DEAD}
    assert list(judged(accepted(), states=died).violations) == ["dead letters"]
    assert judged(accepted(), states=died, dead={"a": "failed"}).violations == {}
    assert list(judged(accepted(), states=died, dead={"a": ""}).violations) == ["dead letters"]
    assert list(judged(accepted(), dead={"a": "failed"}).violations) == ["dead letters"]


def test_nothing_is_left_on_the_broker() -> None:
    assert list(judged(left=("key-1 is held",)).violations) == ["leftovers"]


def test_what_a_broker_forgot_is_excused_only_where_it_may_forget() -> None:
    twice = [accepted(), ran(1, 2), ran(4, 5, process=2), settled(5.1, process=2)]
    away = [Event(kind="down", at=2.5), Event(kind="up", at=3)]
    assert list(judged(*twice, away).violations) == ["fencing"]
    events = sorted((one for part in [*twice, away] for one in part), key=lambda one: one.at)
    forgetful = structs.replace(PROMISE, forgets=True)
    assert judge(Run(events, {"a": DONE}), forgetful).violations == {}


def test_what_was_wiped_is_not_lost() -> None:
    wiped = [Event(kind="wiped", at=1, outcome="everything")]
    assert judged(accepted(), wiped, states={}).violations == {}
    assert list(judged(accepted(at=2), wiped, states={}).violations) == ["lost"]


def test_a_run_in_which_nothing_happened_shows_nothing() -> None:
    report = judged(accepted(), ran(1, 2), settled(2.1), needed=("recovered", "accepted"))
    assert report.violations == {"vacuous": ["recovered"]}


def test_a_run_in_which_happened_what_must_not_is_refused() -> None:
    report = judged(accepted(), ran(1, 2), settled(2.1), forbidden=("recovered", "end"))
    assert report.violations == {"forbidden": ["1 end"]}
