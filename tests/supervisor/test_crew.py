"""What the supervisor decides: no process, no clock, no waiting."""

from __future__ import annotations

import logging
import math
from itertools import pairwise

import pytest

from headrace.supervisor.crew import MARGIN, Crew, Limits, Order, Verb
from headrace.supervisor.exit_code import FINAL, ExitCode, describe
from headrace.supervisor.restart import STEADY, failures, pause
from tests.conftest import records_of

GRACE, PATIENCE = 25.0, 60.0


def crew_of(processes: int) -> Crew:
    """Return a crew whose pauses are as long as they can be."""
    limits = Limits(processes=processes, grace=GRACE, patience=PATIENCE)
    return Crew(limits, chance=lambda: 0.0)


def serving(processes: int) -> Crew:
    """Return a crew whose processes are ready at the moment 0."""
    crew = crew_of(processes)
    for order in crew.step(0.0):
        crew.ready(order.number, 0.0)
    return crew


def starts(*numbers: int) -> list[Order]:
    return [Order(Verb.START, number) for number in numbers]


def stops(*numbers: int) -> list[Order]:
    return [Order(Verb.STOP, number) for number in numbers]


# pauses


def test_the_first_restart_comes_almost_at_once() -> None:
    assert pause(1, lambda: 0.0) <= 0.5


def test_pauses_grow_up_to_half_a_minute() -> None:
    pauses = [pause(count, lambda: 0.0) for count in range(1, 2000)]
    assert pauses[:7] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0]
    assert all(early <= late <= 30.0 for early, late in pairwise(pauses))


def test_up_to_half_of_a_pause_is_left_to_chance() -> None:
    assert pause(7, lambda: 1.0) == 15.0
    assert 15.0 < pause(7, lambda: 0.5) < 30.0


def test_who_served_for_a_while_starts_anew() -> None:
    assert failures(6, served=STEADY) == 1
    assert failures(6, served=STEADY - 1) == 7
    assert failures(6, served=None) == 7


# starting and restarting


def test_all_places_are_filled_once() -> None:
    crew = crew_of(3)
    assert crew.step(0.0) == starts(1, 2, 3)
    assert crew.step(0.0) == []
    assert crew.due() == math.inf
    assert not crew.over


def test_a_process_that_dies_is_started_again_after_its_pause() -> None:
    crew = serving(2)
    assert crew.ended(1, -9, 10.0) == 0.5
    assert crew.due() == 10.5
    assert crew.step(10.4) == []
    assert crew.step(10.5) == starts(3)
    assert crew.due() == math.inf


def test_one_that_ends_in_order_but_unasked_is_started_again_too() -> None:
    crew = serving(1)
    assert crew.ended(1, 0, 10.0) == 0.5


def test_one_that_keeps_dying_waits_longer_each_time_and_alone() -> None:
    crew, now, pauses = serving(2), 0.0, list[float | None]()
    for number in (1, 3, 4, 5, 6, 7, 8, 9):
        pauses.append(crew.ended(number, 1, now))
        now = crew.due()
        assert crew.step(now) == starts(max(3, number + 1))
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert crew.ended(2, 1, now) == 0.5


def test_one_that_served_for_a_while_is_forgiven() -> None:
    crew = serving(1)
    assert crew.ended(1, 1, 1.0) == 0.5
    assert crew.step(1.5) == starts(2)
    assert crew.ended(2, 1, 1.5) == 1.0
    assert crew.step(2.5) == starts(3)
    crew.ready(3, 3.0)
    assert crew.ended(3, 1, 3.0 + STEADY) == 0.5


# refusals


@pytest.mark.parametrize("code", FINAL)
def test_when_all_refuse_to_start_it_is_over(code: int) -> None:
    crew = crew_of(2)
    crew.step(0.0)
    assert crew.ended(1, code, 0.1) is None
    assert (crew.step(100.0), crew.over) == ([], False)
    assert crew.ended(2, code, 100.0) is None
    assert (crew.over, crew.exit_code) == (True, code)


def test_of_two_ways_to_refuse_the_higher_code_is_told() -> None:
    crew = crew_of(2)
    crew.step(0.0)
    crew.ended(1, ExitCode.REFUSED, 0.1)
    crew.ended(2, ExitCode.USAGE, 0.1)
    assert (crew.over, crew.exit_code) == (True, ExitCode.REFUSED)


def test_one_that_refused_is_tried_again_when_another_comes_up() -> None:
    crew = crew_of(2)
    crew.step(0.0)
    crew.ended(1, ExitCode.REFUSED, 0.1)
    crew.ready(2, 5.0)
    assert crew.due() == 5.5
    assert crew.step(5.5) == starts(3)
    assert crew.ended(3, ExitCode.REFUSED, 6.0) == 1.0


def test_what_refuses_after_one_was_ready_is_tried_again() -> None:
    crew = serving(1)
    crew.ended(1, 1, 1.0)
    crew.step(1.5)
    assert crew.ended(2, ExitCode.REFUSED, 2.0) == 1.0
    assert not crew.over


def test_a_crash_at_the_start_is_no_refusal() -> None:
    crew = crew_of(1)
    crew.step(0.0)
    assert crew.ended(1, 1, 0.1) == 0.5
    assert not crew.over


# stopping


def test_a_request_goes_to_all_once() -> None:
    crew = serving(3)
    crew.stop()
    assert crew.step(1.0) == stops(1, 2, 3)
    assert crew.step(1.0) == []
    crew.stop()
    assert crew.step(2.0) == stops(1, 2, 3)


def test_two_requests_at_once_are_two() -> None:
    crew = serving(1)
    crew.stop()
    crew.stop()
    assert crew.step(1.0) == stops(1, 1)


def test_who_dies_while_stopping_is_not_started_again() -> None:
    crew = serving(2)
    crew.stop()
    crew.step(1.0)
    assert crew.ended(1, 0, 1.0) is None
    assert crew.ended(2, 0, 2.0) is None
    assert (crew.step(100.0), crew.over, crew.exit_code) == ([], True, 0)


@pytest.mark.parametrize("code", [1, 130, -9])
def test_one_that_did_not_stop_in_order_makes_the_exit_code_1(code: int) -> None:
    crew = serving(2)
    crew.stop()
    crew.ended(1, 0, 1.0)
    crew.ended(2, code, 1.0)
    assert (crew.over, crew.exit_code) == (True, 1)


def test_one_that_was_never_ready_held_no_jobs_however_it_ends() -> None:
    crew = crew_of(1)
    crew.step(0.0)
    crew.stop()
    crew.ended(1, -15, 1.0)
    assert (crew.over, crew.exit_code) == (True, 0)


def test_a_stop_in_a_pause_is_the_end() -> None:
    crew = serving(1)
    crew.ended(1, 1, 1.0)
    crew.stop()
    assert (crew.step(100.0), crew.due(), crew.over, crew.exit_code) == ([], math.inf, True, 0)


def test_one_that_does_not_stop_is_killed_in_the_end() -> None:
    crew = serving(2)
    crew.stop()
    crew.step(1.0)
    crew.ended(2, 0, 2.0)
    assert crew.due() == 1.0 + GRACE + MARGIN
    assert crew.step(crew.due() - 0.1) == []
    assert crew.step(crew.due()) == [Order(Verb.KILL, 1)]
    assert crew.due() == math.inf


def test_after_the_second_request_no_grace_is_waited_for() -> None:
    crew = serving(1)
    crew.stop()
    crew.step(1.0)
    crew.stop()
    crew.step(2.0)
    assert crew.due() == 2.0 + MARGIN


# rolling


def test_a_roll_replaces_one_after_the_other_new_ones_first() -> None:
    crew = serving(2)
    crew.roll()
    assert crew.step(1.0) == starts(3)
    assert crew.step(2.0) == []
    crew.ready(3, 3.0)
    assert crew.step(3.0) == [*starts(4), *stops(1)]
    crew.ready(4, 4.0)
    assert crew.step(4.0) == stops(2)
    assert crew.ended(2, 0, 5.0) is None
    assert crew.ended(1, 0, 9.0) is None
    assert (crew.step(9.0), crew.due(), crew.over) == ([], math.inf, False)
    assert crew.ended(3, 1, 10.0) == 0.5


def test_a_new_one_that_ends_before_it_is_ready_ends_the_roll(
    caplog: pytest.LogCaptureFixture,
) -> None:
    crew = serving(2)
    crew.roll()
    crew.step(1.0)
    assert crew.ended(3, ExitCode.USAGE, 2.0) is None
    assert (crew.step(2.0), crew.due()) == ([], math.inf)
    [record] = records_of(caplog)
    assert (record.levelno, record.getMessage()) == (
        logging.ERROR,
        "new worker process did not come up, the old ones stay",
    )


def test_a_new_one_that_takes_too_long_is_stopped_and_ends_the_roll() -> None:
    crew = serving(2)
    crew.roll()
    crew.step(1.0)
    assert crew.due() == 1.0 + PATIENCE
    assert crew.step(crew.due()) == stops(3)
    crew.ready(3, 62.0)
    assert crew.step(62.0) == []
    assert crew.ended(3, 0, 62.0) is None
    assert (crew.step(62.0), crew.due()) == ([], math.inf)


def test_one_that_was_ready_and_died_replaces_nobody() -> None:
    crew = serving(1)
    crew.roll()
    crew.step(1.0)
    crew.ready(2, 2.0)
    assert crew.ended(2, -11, 2.0) is None
    assert crew.step(2.0) == []
    assert crew.ended(1, 0, 3.0) == 0.5


def test_a_roll_during_a_roll_begins_anew_when_the_new_one_is_up() -> None:
    crew = serving(1)
    crew.roll()
    crew.step(1.0)
    crew.roll()
    assert crew.step(2.0) == []
    crew.ready(2, 3.0)
    assert crew.step(3.0) == [*starts(3), *stops(1)]
    crew.ready(3, 4.0)
    assert crew.step(4.0) == stops(2)


def test_an_old_one_that_dies_during_the_roll_is_replaced_once() -> None:
    crew = serving(1)
    crew.roll()
    crew.step(1.0)
    assert crew.ended(1, -9, 2.0) == 0.5
    assert crew.step(10.0) == [], "the new one is on its way"
    crew.ready(2, 11.0)
    assert crew.step(11.0) == []
    assert crew.due() == math.inf


def test_an_old_one_that_died_is_restarted_when_the_roll_fails() -> None:
    crew = serving(1)
    crew.roll()
    crew.step(1.0)
    crew.ended(1, -9, 2.0)
    crew.ended(2, 1, 3.0)
    assert crew.step(3.0) == starts(3)


def test_a_roll_mends_one_that_keeps_dying() -> None:
    crew, now = serving(1), 0.0
    for number in (1, 2, 3, 4):
        crew.ended(number, 1, now)
        now = crew.due()
        crew.step(now)
    crew.ended(5, 1, now)
    crew.roll()
    assert crew.step(now) == starts(6)
    crew.ready(6, now)
    assert crew.step(now) == []
    assert crew.ended(6, 1, now) == 0.5


def test_one_that_drains_after_a_roll_is_not_hurried_by_the_first_request() -> None:
    crew = serving(1)
    crew.roll()
    crew.step(1.0)
    crew.ready(2, 2.0)
    assert crew.step(2.0) == stops(1)
    crew.stop()
    assert crew.step(3.0) == stops(2)
    crew.stop()
    assert crew.step(4.0) == stops(1, 2)
    crew.ended(2, 0, 5.0)
    crew.ended(1, 1, 5.0)
    assert (crew.over, crew.exit_code) == (True, 1)


def test_a_stop_during_a_roll_stops_new_and_old() -> None:
    crew = serving(2)
    crew.roll()
    crew.step(1.0)
    crew.stop()
    assert crew.step(2.0) == stops(1, 2, 3)
    crew.ready(3, 2.0)
    assert crew.step(2.0) == []


def test_a_roll_while_stopping_is_none() -> None:
    crew = serving(1)
    crew.stop()
    crew.roll()
    assert crew.step(1.0) == stops(1)


def test_a_roll_during_the_first_start_can_help_those_that_refused() -> None:
    crew = crew_of(2)
    crew.step(0.0)
    crew.ended(1, ExitCode.USAGE, 0.1)
    crew.roll()
    assert crew.step(1.0) == starts(3)
    crew.ready(3, 2.0)
    assert crew.step(2.0) == starts(4)
    crew.ready(4, 3.0)
    assert crew.step(3.0) == stops(2)


# how an end is told


def test_an_end_is_told_by_exit_code_or_by_the_name_of_the_signal() -> None:
    assert describe(3) == {"exit_code": 3}
    assert describe(-9) == {"signal": "SIGKILL"}
    assert describe(-40) == {"signal": "40"}
