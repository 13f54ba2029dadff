from __future__ import annotations

import copy
import inspect
import pickle
import re

import pytest

import headrace
from headrace import errors

INSTANCES = [
    errors.Unavailable("gone"),
    errors.Rejected("id", "too large"),
    errors.JobFailed("id", "attempts used up", "ValueError", "bad", "Traceback"),
    errors.JobCancelled("id"),
    errors.JobExpired("id"),
    errors.JobNotFound("id"),
    errors.InvalidResult("id", "expected int"),
    errors.ResultTimeout("id"),
    errors.Retry("why", after=3.0),
    errors.Snooze(5.0),
    errors.Reject("why"),
]


def classes() -> list[type[Exception]]:
    return [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, Exception)
    ]


def test_there_is_one_tree() -> None:
    assert all(issubclass(kind, errors.HeadraceError) for kind in classes())


def test_the_tree_is_drawn_at_the_head_of_the_module() -> None:
    drawn = re.findall(r"[├└]── (\w+)|^ {4}(\w+)$", errors.__doc__ or "", re.MULTILINE)
    names = {first or second for first, second in drawn}
    assert names == {kind.__name__ for kind in classes()}


def test_every_error_is_public() -> None:
    assert {kind.__name__ for kind in classes()} <= set(headrace.__all__)


@pytest.mark.parametrize("error", INSTANCES, ids=lambda error: type(error).__name__)
def test_errors_can_be_copied_and_sent_between_processes(error: Exception) -> None:
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert vars(twin) == vars(error)


def test_a_failed_job_tells_its_cause() -> None:
    error = errors.JobFailed("42", "attempts used up (3)", "ValueError", "bad", "Traceback")
    assert str(error) == "job '42' is dead (attempts used up (3)): ValueError: bad"
    assert str(errors.JobFailed("42", "unknown task")) == "job '42' is dead (unknown task)"


def test_a_result_timeout_is_a_timeout() -> None:
    with pytest.raises(TimeoutError, match="it goes on"):
        raise errors.ResultTimeout("42")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (errors.Rejected("42", "too large"), "job '42': too large"),
        (errors.JobCancelled("42"), "job '42' was cancelled"),
        (errors.JobExpired("42"), "job '42' expired before it could start"),
        (errors.JobNotFound("42"), "job '42' is unknown"),
        (errors.InvalidResult("42", "expected int"), "expected int"),
    ],
)
def test_errors_name_the_job(error: Exception, text: str) -> None:
    assert text in str(error)
