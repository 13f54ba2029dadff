"""What is seen of a peer from outside is judged as it should be."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from headrace import JobState
from tests.torture.check import Report
from tests.torture.ledger import Event, read
from tests.torture.peers.kit.witness import CHILD, Witness
from tests.torture.peers.plan import planned
from tests.torture.peers.subjects import applicable
from tests.torture.peers.verdict import POISON, judged, seen
from tests.torture.run import Promise
from tests.torture.workload import Mix

PROMISE = Promise(recovery=7.5, overlap=2.0, blind=2.5, late=2.0, shutdown=5.0)
FINE = {"a": [True, ["a", 1]]}


def event(kind: Any, at: float, process: int = 1, **facts: Any) -> Event:
    return Event(kind=kind, at=at, process=process, job="a", **facts)


def execution(begin: float, end: float, process: int = 1, how: Any = "end") -> list[Event]:
    return [event(kind, at, process, fencing=1) for kind, at in (("start", begin), (how, end))]


def killed(at: float, process: int = 1) -> list[Event]:
    return [Event(kind="killed", at=at, process=9, victim=process)]


def verdict(*parts: list[Event], answers: Any = FINE) -> Report:
    accepted = [event("try", 0), event("accepted", 0.1)]
    events = [*accepted, *(one for part in parts for one in part)]
    return judged(seen(sorted(events, key=lambda one: one.at), answers), PROMISE, ())


def test_a_job_that_runs_once_violates_nothing() -> None:
    assert verdict(execution(1, 2)).violations == {}


def test_a_job_that_never_ends_is_lost() -> None:
    assert list(verdict(answers={}).violations) == ["lost"]


def test_a_job_that_ended_without_a_result_is_not_lost() -> None:
    assert list(verdict(execution(1, 2), answers={}).violations) == ["no result"]


def test_a_job_that_ended_well_is_not_told_to_have_failed() -> None:
    failed = {"a": [False, "gone"]}
    assert list(verdict(execution(1, 2), answers=failed).violations) == ["told as failed"]


def test_a_worker_that_ends_is_told_apart_from_one_that_was_asked_to() -> None:
    gone = Event(kind="exited", at=3, process=9, victim=1, outcome="1")
    asked = Event(kind="asked to end", at=2.5, process=9, victim=1)
    assert list(verdict(execution(1, 2), [gone]).violations) == ["ended by itself"]
    assert list(verdict(execution(1, 2), [asked, gone]).violations) == ["shutdown"]


def test_a_job_that_the_peer_gave_up_is_over() -> None:
    assert verdict(killed(1), answers={"a": [False, "dead"]}).violations == {}


def test_the_result_is_that_of_an_execution() -> None:
    wrong = {"a": [True, ["a", 2]]}
    assert list(verdict(execution(1, 2), answers=wrong).violations) == ["results"]


def test_a_job_that_ended_starts_again_only_if_its_worker_was_not_well() -> None:
    again = verdict(execution(1, 2), execution(6, 7, process=2))
    assert list(again.violations) == ["again"]
    assert verdict(execution(1, 2), killed(2.1), execution(6, 7, process=2)).violations == {}


def test_a_job_that_runs_twice_at_a_time_overlaps() -> None:
    both = verdict(execution(1, 9), execution(4, 10, process=2))
    assert list(both.violations) == ["long overlap"]


def test_a_job_that_takes_workers_down_for_ever_is_poison_and_not_lost() -> None:
    starts = [
        one
        for number in range(POISON + 1)
        for one in (event("start", number, number), *killed(number + 0.5, number))
    ]
    assert list(verdict(starts, answers={}).violations) == ["poison loop"]


def test_failures_are_no_deliveries_and_lives_lost_are() -> None:
    run = seen(
        [
            *execution(1, 2, how="failed"),
            event("start", 3, 2),
            *killed(4, 2),
            event("start", 8, 3),
        ],
        {},
    )
    assert [one.deliveries for one in run.all("start")] == [1, 1, 2]
    assert len(run.all("claimed")) == 3


def test_more_failures_than_the_policy_says_are_told() -> None:
    failures = [execution(number, number + 0.5, how="failed") for number in range(5)]
    assert list(verdict(*failures, execution(8, 9)).violations) == ["attempts"]


def test_states_are_those_that_the_client_tells() -> None:
    assert seen([], {"a": [True, 1], "b": [False, "died"]}).states == {
        "a": JobState.SUCCEEDED,
        "b": JobState.DEAD,
    }


def test_who_renews_nothing_is_not_asked_for_long_jobs_twice() -> None:
    assert applicable("streaq", "M2-long")
    assert not applicable("taskiq", "M2-long")
    assert applicable("taskiq", "M7")


def test_a_plan_is_the_same_for_the_same_seed() -> None:
    mix = Mix(poisonous=0.2, blocking=0.2, blocked=6.0)
    jobs = planned(mix, 5.0, 3, delays=True)
    assert jobs == planned(mix, 5.0, 3, delays=True)
    assert {job.task for job in jobs} == {"work", "block", "poison"}
    assert any(job.delay for job in jobs)
    assert not any(job.delay for job in planned(mix, 5.0, 3, delays=False))


def test_the_ledger_reads_what_a_witness_writes(tmp_path: Path) -> None:
    Witness(tmp_path).note("start", job="a", attempt=2)
    [told] = read(tmp_path)
    assert (told.kind, told.job, told.attempt, told.process) == ("start", "a", 2, os.getpid())


def test_a_child_bears_the_pid_of_its_parent_and_notes_the_end_of_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CHILD, "1")
    Witness(tmp_path).note("start", job="a")
    Witness(tmp_path).note("start", job="b")
    told = [(one.kind, one.process, one.victim) for one in read(tmp_path)]
    parent = os.getppid()
    assert told == [("start", parent, 0), ("exited", parent, parent), ("start", parent, 0)]
