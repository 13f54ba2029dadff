"""What the Redis plug-in does for each job, beside the commands themselves."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import hiredis

from benchmarks.micro.producing import call, chosen, queue, send_email
from benchmarks.micro.running import NOW
from benchmarks.micro.subject import Round, Subject, each
from headrace.job import NewJob
from headrace.outcome import Done, Reschedule
from headrace_redis.keys import lane, queue_prefix
from headrace_redis.scripts import ENQUEUE
from headrace_redis.wire import leases_from, pack_jobs, pack_outcomes, pack_renewals

# Its stubs know commands of one word only.
_pack_command: Callable[[tuple[bytes | str | float, ...]], bytes] = cast(
    "Any", hiredis
).pack_command

PREFIX = queue_prefix("headrace", queue.name)
WORKER = "worker-1"


def _key_names() -> list[str]:
    prefix = queue_prefix("headrace", "default")
    return [lane(prefix, number) for number in range(3)]


def _drafts(jobs: int, *, with_options: bool = False) -> list[NewJob]:
    task = chosen if with_options else send_email
    return [queue.draft(call, task.effective, task.settings) for _ in range(jobs)]


def _claimed(jobs: int) -> list[Any]:
    """Return what `claim.lua` answers."""
    drafts = _drafts(jobs)
    entries = [
        [f"{round(NOW * 1000)}-{number}".encode(), [b"i", job.id.encode(), b"b", job.body], 1]
        for number, job in enumerate(drafts)
    ]
    return [1, entries]


def _enqueue(jobs: int, *, with_options: bool = False) -> Round:
    drafts = _drafts(jobs, with_options=with_options)

    def pack() -> bytes:
        packed = pack_jobs(drafts)
        return _pack_command(("EVALSHA", ENQUEUE.digest, 1, PREFIX, "batch", 60_000, packed))

    return pack


def _claim(jobs: int) -> Round:
    return partial(leases_from, _claimed(jobs), queue.name, WORKER, NOW)


def _done(jobs: int) -> Round:
    leases, _ = leases_from(_claimed(jobs), queue.name, WORKER, NOW)
    return partial(pack_outcomes, [Done(lease, b"\x07", 600.0) for lease in leases])


def _retries(jobs: int) -> Round:
    leases, _ = leases_from(_claimed(jobs), queue.name, WORKER, NOW)
    return partial(pack_outcomes, [Reschedule(lease, 1.5, 1, b"history") for lease in leases])


def _renewals(jobs: int) -> Round:
    leases, _ = leases_from(_claimed(jobs), queue.name, WORKER, NOW)
    return partial(pack_renewals, leases)


SUBJECTS = [
    Subject("redis: names of the lanes", each(_key_names)),
    Subject("redis: pack jobs", _enqueue),
    Subject("redis: pack jobs with options", partial(_enqueue, with_options=True)),
    Subject("redis: read claimed jobs", _claim),
    Subject("redis: pack outcomes, done", _done),
    Subject("redis: pack outcomes, again", _retries),
    Subject("redis: pack renewals", _renewals),
]
