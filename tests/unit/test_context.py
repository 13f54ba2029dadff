from __future__ import annotations

import contextvars
from datetime import UTC, datetime

import pytest

from headrace import CurrentJob, NoCurrentJob, current_job
from headrace.context import set_current_job


def made() -> CurrentJob:
    return CurrentJob("42", "send", "default", 1, 1, 7, None, {}, 1_750_000_000_250)


def test_outside_a_job_there_is_none() -> None:
    with pytest.raises(NoCurrentJob, match="no job runs here"):
        current_job()


def test_the_current_job_is_that_of_the_context() -> None:
    def inside() -> CurrentJob:
        set_current_job(made())
        return current_job()

    assert contextvars.copy_context().run(inside) == made()
    with pytest.raises(LookupError):
        current_job()


def test_the_moment_of_enqueueing_is_a_datetime() -> None:
    assert made().enqueued_at == datetime(2025, 6, 15, 15, 6, 40, 250_000, tzinfo=UTC)
