"""What a worker does for each job, whatever the broker."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from benchmarks.micro.producing import call, chosen, queue, send_email
from benchmarks.micro.subject import Subject, each
from headrace import RetryPolicy
from headrace.errors import Unavailable
from headrace.job import Lease, NewJob
from headrace.schedule import CronTrigger
from headrace.worker.attempt import Attempt, prepare
from headrace.worker.backoff import Backoff
from headrace.worker.run import Run
from headrace.worker.verdict import failed, succeeded

NOW = datetime(2026, 11, 22, 12, 2, tzinfo=UTC).timestamp()
MOMENT = round(NOW * 1000)


def leased(job: NewJob) -> Lease:
    """Return a lease on a job, as a broker hands it out."""
    return Lease(queue.name, job.id, job.body, b"", 1, 0, 1, 1, NOW, None)


def attempt_of(lease: Lease) -> Attempt:
    """Return the attempt that a lease leads to."""
    attempt = prepare(lease, queue, 0.5)
    assert isinstance(attempt, Attempt)  # noqa: S101 - nothing else was drafted
    return attempt


def raised() -> ValueError:
    """Return an error that came out of a task's code, three calls deep."""
    try:
        return _parse("none") or ValueError()
    except ValueError as error:
        return error


def _parse(text: str) -> ValueError | None:
    return _number(text)


def _number(text: str) -> ValueError | None:
    int(text)
    return None


lease = leased(queue.draft(call, send_email.effective, None))
lease_with_options = leased(queue.draft(call, chosen.effective, chosen.settings))
without_code = queue.remote("send_email").call("a@b.c", "hi", html=True)
lease_without_code = leased(queue.draft(without_code, send_email.effective, None))
attempt = attempt_of(lease)
policy, half = RetryPolicy(attempts=5), partial(float, 0.5)
backoff = Backoff("claim", queue.name)
trouble = Unavailable("no answer")

SUBJECTS = [
    Subject("lease: decode and check", each(partial(prepare, lease, queue, 0.5))),
    Subject("lease: the same with options", each(partial(prepare, lease_with_options, queue, 0.5))),
    Subject("lease: producer without code", each(partial(prepare, lease_without_code, queue, 0.5))),
    Subject("run: begin", each(partial(Run, lease))),
    Subject("run: current job", each(partial(attempt.job, NOW))),
    Subject("result: encode", each(partial(succeeded, attempt, 7, queue.max_payload))),
    Subject("result: decode", each(partial(send_email.decode_result, b"\x07"))),
    Subject("failure: decide", each(partial(failed, attempt, raised(), NOW, 0.5)), jobs=20),
    Subject("failure: wait", each(partial(policy.wait, 3, half))),
    Subject("broker trouble: back off", each(partial(backoff.failed, trouble))),
    Subject("cron: next tick", each(partial(CronTrigger("*/5 * * * *").after, MOMENT)), jobs=20),
    Subject(
        "cron: next tick in Berlin",
        each(partial(CronTrigger("30 2 * * *", "Europe/Berlin").after, MOMENT)),
        jobs=20,
    ),
]
