from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace import InvalidOption, Misfire
from headrace.schedule import CronTrigger, EveryTrigger, Schedule, Trigger

BERLIN = ZoneInfo("Europe/Berlin")


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def ticks(trigger: Trigger, start: str, count: int) -> list[str]:
    """Return so many ticks after a moment, as Berlin's clocks show them."""
    shown: list[str] = []
    now = moment(start)
    for _ in range(count):
        now = trigger.after(now)
        shown.append(datetime.fromtimestamp(now / 1000, BERLIN).isoformat())
    return shown


def test_a_cron_expression_fires_in_its_zone() -> None:
    assert ticks(CronTrigger("30 9 * * mon-fri", "Europe/Berlin"), "2026-01-02T12:00Z", 2) == [
        "2026-01-05T09:30:00+01:00",
        "2026-01-06T09:30:00+01:00",
    ]
    assert CronTrigger("0 9 * * *").after(moment("2026-01-02T12:00Z")) == moment(
        "2026-01-03T09:00Z"
    )


def test_six_fields_begin_with_seconds() -> None:
    assert CronTrigger("*/10 * * * * *").after(moment("2026-01-01T00:00:05Z")) == moment(
        "2026-01-01T00:00:10Z"
    )


def test_when_clocks_go_forward_the_missing_hour_fires_at_its_end() -> None:
    """On 29 March 2026 Berlin's clocks go from 02:00 to 03:00."""
    assert ticks(CronTrigger("30 2 * * *", "Europe/Berlin"), "2026-03-28T00:00Z", 3) == [
        "2026-03-28T02:30:00+01:00",
        "2026-03-29T03:00:00+02:00",
        "2026-03-30T02:30:00+02:00",
    ]
    assert ticks(CronTrigger("*/30 * * * *", "Europe/Berlin"), "2026-03-29T00:00Z", 4) == [
        "2026-03-29T01:30:00+01:00",
        "2026-03-29T03:00:00+02:00",
        "2026-03-29T03:30:00+02:00",
        "2026-03-29T04:00:00+02:00",
    ]


def test_when_clocks_go_back_a_fixed_time_fires_once() -> None:
    """On 25 October 2026 Berlin's clocks go from 03:00 to 02:00."""
    assert ticks(CronTrigger("30 2 * * *", "Europe/Berlin"), "2026-10-24T00:00Z", 3) == [
        "2026-10-24T02:30:00+02:00",
        "2026-10-25T02:30:00+02:00",
        "2026-10-26T02:30:00+01:00",
    ]


def test_when_clocks_go_back_a_repeated_time_goes_on() -> None:
    assert ticks(CronTrigger("*/30 * * * *", "Europe/Berlin"), "2026-10-25T00:00Z", 5) == [
        "2026-10-25T02:30:00+02:00",
        "2026-10-25T02:00:00+01:00",
        "2026-10-25T02:30:00+01:00",
        "2026-10-25T03:00:00+01:00",
        "2026-10-25T03:30:00+01:00",
    ]


@given(
    st.datetimes(datetime(2026, 10, 24), datetime(2026, 10, 27)),  # noqa: DTZ001 - the bounds
    st.sampled_from(["30 2 * * *", "*/7 * * * *", "0 2,3 * * *", "59 1 * * *"]),
)
def test_a_tick_is_always_later_than_its_moment(start: datetime, expression: str) -> None:
    trigger = CronTrigger(expression, "Europe/Berlin")
    now = int(start.replace(tzinfo=UTC).timestamp() * 1000)
    tick = trigger.after(now)
    assert tick > now
    assert trigger.after(tick - 1) == tick


def test_an_interval_fires_at_its_multiples() -> None:
    trigger = EveryTrigger(timedelta(seconds=2.5))
    assert [trigger.after(0), trigger.after(2_499), trigger.after(2_500)] == [2_500, 2_500, 5_000]
    assert trigger.width(2_500) == 2.5
    assert repr(trigger) == "every 2.5 s"


def test_how_wide_a_tick_is() -> None:
    hourly = CronTrigger("0 * * * *")
    assert hourly.width(moment("2026-01-01T00:00Z")) == 3600
    assert repr(hourly) == "cron '0 * * * *' in UTC"


@pytest.mark.parametrize("expression", ["", "* * *", "61 * * * *", "0 0 31 2 *", "nonsense"])
def test_expressions_that_never_fire(expression: str) -> None:
    with pytest.raises(InvalidOption, match="cron expression"):
        CronTrigger(expression)


@pytest.mark.parametrize("zone", ["Europe/Berln", "", "../etc/passwd", "x\0y"])
def test_zones_that_do_not_exist(zone: str) -> None:
    with pytest.raises(InvalidOption, match="unknown time zone"):
        CronTrigger("* * * * *", zone)


@pytest.mark.parametrize("interval", [0, 0.0001, -1])
def test_intervals_that_are_too_short(interval: float) -> None:
    with pytest.raises(InvalidOption):
        EveryTrigger(interval)


def schedule(misfire: Misfire = Misfire.LATEST, grace: float = 60.0) -> Schedule:
    return Schedule(
        name="report", task="report", trigger=EveryTrigger(10), misfire=misfire, grace=grace
    )


def test_what_are_its_ticks() -> None:
    assert schedule().fires_at(20_000)
    assert not schedule().fires_at(20_001)
    assert not schedule().fires_at(0 - 5)


@pytest.mark.parametrize(
    ("misfire", "following"),
    [(Misfire.LATEST, 60_000), (Misfire.ALL, 30_000), (Misfire.SKIP, 60_000)],
)
def test_the_tick_after_a_late_one(misfire: Misfire, following: int) -> None:
    assert schedule(misfire).next(20_000, now=55_000) == following


@pytest.mark.parametrize("misfire", list(Misfire))
def test_the_tick_after_one_in_time(misfire: Misfire) -> None:
    assert schedule(misfire).next(20_000, now=20_003) == 30_000
    assert schedule(misfire).next(20_000, now=19_990) == 30_000, "a slow clock does not repeat it"


def test_only_skip_drops_late_ticks() -> None:
    assert schedule(Misfire.SKIP, grace=5).drops(20_000, now=25_001)
    assert not schedule(Misfire.SKIP, grace=5).drops(20_000, now=25_000)
    assert not schedule(Misfire.LATEST, grace=5).drops(20_000, now=99_000)


def test_a_tick_has_one_job() -> None:
    assert schedule().job_id(20_000) == "cron-report-20000"
