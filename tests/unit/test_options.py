from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from headrace import InvalidOption, Priority, RetryPolicy
from headrace.codec import Settings
from headrace.options import JobOptions, Options, checked
from headrace.retry import NO_RETRY


def test_options_become_seconds_and_plain_numbers() -> None:
    assert checked(
        {
            "priority": Priority.HIGH,
            "timeout": timedelta(seconds=30),
            "result_ttl": 5,
            "expires": timedelta(minutes=2),
            "headers": {"trace": "1"},
            "delay": timedelta(minutes=1),
            "unique": "key",
            "unique_for": 10,
            "job_id": "42",
            "at": datetime(2026, 1, 1, tzinfo=UTC),
        }
    ) == {
        "priority": 0,
        "timeout": 30.0,
        "result_ttl": 5.0,
        "expires": 120.0,
        "headers": {"trace": "1"},
        "delay": 60.0,
        "unique": "key",
        "unique_for": 10.0,
        "job_id": "42",
        "at": datetime(2026, 1, 1, tzinfo=UTC),
    }


def test_none_means_no_limit_and_no_retry() -> None:
    given = checked({"timeout": None, "retry": None, "expires": None, "unique_for": None})
    assert given == {"timeout": 0.0, "retry": NO_RETRY, "expires": None, "unique_for": None}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("priority", -1),
        ("priority", "high"),
        ("timeout", -1),
        ("timeout", "5"),
        ("retry", 3),
        ("result_ttl", None),
        ("result_ttl", float("inf")),
        ("expires", -1),
        ("headers", "text"),
        ("headers", {"a": 1}),
        ("headers", {1: "a"}),
        ("delay", float("nan")),
        ("at", datetime(2026, 1, 1)),  # noqa: DTZ001 - it is refused
        ("at", 5),
        ("unique", ""),
        ("unique", "x" * 257),
        ("unique", 5),
        ("unique_for", -1),
        ("job_id", "a.b"),
        ("job_id", 5),
    ],
)
def test_options_that_make_no_sense_are_named(name: str, value: object) -> None:
    with pytest.raises(InvalidOption, match=name):
        checked({name: value})


def test_an_unknown_option_is_named_with_those_that_exist() -> None:
    with pytest.raises(InvalidOption, match=r"unknown options \['dealy'\].*'delay'"):
        checked({"dealy": 5})


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"delay": 5.0, "at": datetime(2026, 1, 1, tzinfo=UTC)}, "delay or at, not both"),
        ({"unique_for": 5.0}, "give unique as well"),
        ({"delay": 5.0, "expires": 5.0}, "later than delay"),
    ],
)
def test_options_that_contradict_each_other(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidOption, match=problem):
        Options(**fields)


def test_only_what_is_set_travels() -> None:
    assert Options().settings() is None
    assert Options(delay=5.0, unique="key", priority=1).settings() is None
    policy = RetryPolicy(attempts=7)
    options = Options(timeout=0.0, result_ttl=5.0, retry=policy, headers={"a": "b"})
    assert options.settings() == Settings(
        timeout=0.0, result_ttl=5.0, retry=policy.numbers(), headers={"a": "b"}
    )


def test_every_keyword_has_a_check() -> None:
    assert JobOptions.__annotations__.keys() == set(Options.__struct_fields__)
    for name in Options.__struct_fields__:
        with pytest.raises(InvalidOption):
            checked({name: object()})
