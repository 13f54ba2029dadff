"""Between the contract's structs and what the scripts take and return."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import ceil
from typing import Any, TypeAlias

import msgspec
from msgspec import Raw, Struct

from headrace.broker import QueueSpec
from headrace.ids import is_valid_id
from headrace.job import DeadJob, JobInfo, JobState, Lease, NewJob
from headrace.outcome import Dead, Done, Outcome, Release

Place: TypeAlias = tuple[int, str]
"""A lane, and the id of a stream entry in it."""

pack: Callable[[Any], bytes] = msgspec.msgpack.Encoder().encode
"""Many jobs become one argument: the server's cmsgpack unpacks them faster than we could pack
each into arguments of its own."""


MOST_ATTEMPTS = (1 << 31) - 1


class Token(Struct, frozen=True, gc=False):
    """What a lease of this broker knows of itself.

    Attributes:
        lane: The lane that it came from.
        entry: Its stream entry.
        consumer: Whose it is.
        unique: The unique key that it holds until it is over.
    """

    lane: int
    entry: str
    consumer: str
    unique: str | None

    @property
    def place(self) -> Place:
        """Where the job is."""
        return self.lane, self.entry


def _raw(data: bytes) -> Raw:
    """Return bytes as a MessagePack string: the server's cmsgpack knows no binaries."""
    return Raw(b"\xdb" + len(data).to_bytes(4, "big") + data)


def milliseconds(seconds: float) -> int:
    """Return whole milliseconds, rounded up: never early."""
    return ceil(seconds * 1000)


# jobs


def pack_jobs(jobs: Iterable[NewJob]) -> bytes:
    """Return the jobs as `enqueue.lua` takes them."""
    return pack([_job(job) for job in jobs])


def _job(job: NewJob) -> tuple[object, ...]:
    delay = milliseconds(job.delay) if job.delay > 0 else 0
    if not (job.attempt or job.meta or job.unique is not None or job.expires is not None):
        return job.priority, delay, job.id, _raw(job.body)
    return (
        job.priority,
        delay,
        job.id,
        _raw(job.body),
        job.attempt or False,
        _raw(job.meta) if job.meta else False,
        False if job.unique is None else job.unique,
        False if job.unique_for is None else max(1, milliseconds(job.unique_for)),
        False if job.expires is None else milliseconds(job.expires),
    )


def text_of(data: bytes) -> str:
    """Return a text of ours; of what somebody else has written, at least something readable."""
    return data.decode(errors="backslashreplace")


def existing(reply: Sequence[Any], number: int) -> list[str | None]:
    """Return the answer to `enqueue` of so many jobs."""
    answers: list[str | None] = [None] * number
    if not reply:
        return answers
    for index, holder in zip(reply[::2], reply[1::2], strict=True):
        answers[index] = text_of(holder)
    return answers


def spec_from(name: bytes, settings: Sequence[bytes | None]) -> QueueSpec | None:
    """Return a queue from its name and its lanes, lease and ttl; `None`: it is none of ours."""
    try:
        lanes, lease, ttl = (int(value or b"") for value in settings)
        return QueueSpec(name=name.decode(), lanes=lanes, lease=lease / 1000, result_ttl=ttl / 1000)
    except (ValueError, OverflowError):
        return None


# leases


def leases_from(
    reply: Sequence[Any], queue: str, consumer: str, deadline: float
) -> tuple[list[Lease], list[Place]]:
    """Return the leases that `claim.lua` handed out, and the places of entries that are no jobs."""
    leases: list[Lease] = []
    strangers: list[Place] = []
    for lane, jobs in zip(reply[::2], reply[1::2], strict=True):
        for entry, fields, *deliveries in jobs:
            place = lane, entry.decode()
            lease = lease_from(queue, consumer, deadline, *place, fields, *deliveries)
            if lease is None:
                strangers.append(place)
            else:
                leases.append(lease)
    return leases, strangers


def lease_from(
    queue: str,
    consumer: str,
    deadline: float,
    lane: int,
    entry: str,
    fields: Sequence[bytes],
    deliveries: int = 1,
) -> Lease | None:
    """Return a lease on a stream entry; `None`: it is no job of ours."""
    attempt, meta = 0, b""
    unique: str | None = None
    if len(fields) < 4 or fields[0] != b"i" or fields[2] != b"b":
        return None
    try:
        job_id = fields[1].decode()
        if len(fields) > 4:
            more = dict(zip(fields[4::2], fields[5::2], strict=True))
            attempt, meta, unique = _attempt(more), more.get(b"m", b""), _unique(more)
    except ValueError:
        return None
    if not is_valid_id(job_id):
        return None
    return Lease(
        queue,
        job_id,
        fields[3],
        meta,
        lane,
        attempt,
        deliveries,
        _fencing(entry, deliveries),
        deadline,
        Token(lane, entry, consumer, unique),
    )


def _attempt(more: Mapping[bytes, bytes]) -> int:
    attempt = int(more.get(b"a", 0))
    if not 0 <= attempt <= MOST_ATTEMPTS:
        raise ValueError(attempt)
    return attempt


def _unique(more: Mapping[bytes, bytes]) -> str | None:
    return more[b"u"].decode() if b"u" in more and b"f" not in more else None


def _fencing(entry: str, deliveries: int) -> int:
    """Make one number of a stream id and the deliveries: 42 bits of ms, 16 and 5 bits."""
    moment, _, number = entry.partition("-")
    return int(moment) << 21 | min(int(number), 0xFFFF) << 5 | min(deliveries, 31)


def token_of(lease: Lease) -> Token:
    """Return the token of a lease that this broker handed out."""
    assert isinstance(lease.token, Token)  # noqa: S101 - a lease of another broker is a bug
    return lease.token


def pack_renewals(leases: Iterable[Lease]) -> bytes:
    """Return leases of one consumer as `renew.lua` takes them."""
    tokens = [(token_of(lease), lease) for lease in leases]
    return pack([(one.lane, one.entry, lease.deliveries, lease.id) for one, lease in tokens])


def pack_places(places: Iterable[Place]) -> bytes:
    """Return places as `adopt.lua` and `bury.lua` take them."""
    return pack([f"{lane}:{entry}" for lane, entry in places])


# outcomes


def pack_outcomes(outcomes: Iterable[Outcome]) -> bytes:
    """Return outcomes as `settle.lua` takes them."""
    return pack([_outcome(outcome) for outcome in outcomes])


def _outcome(outcome: Outcome) -> tuple[object, ...]:
    lease = outcome.lease
    token = token_of(lease)
    begin = (token.lane, token.entry, lease.id, token.unique or False)
    if isinstance(outcome, Done):
        keep = milliseconds(outcome.ttl)
        return "done", *begin, keep, outcome.state, lease.attempt, _result(outcome)
    holder = (token.consumer, lease.deliveries)
    if isinstance(outcome, Release):
        return "release", *begin, *holder
    if isinstance(outcome, Dead):
        more = (outcome.attempt, _raw(outcome.meta), outcome.reason)
        return "dead", *begin, *holder, *more, milliseconds(outcome.ttl), _result(outcome)
    delay = milliseconds(outcome.delay) if outcome.delay > 0 else 0
    return "reschedule", *begin, *holder, outcome.attempt, _raw(outcome.meta), delay


def _result(outcome: Done | Dead) -> Raw | bool:
    return _raw(outcome.result) if outcome.result is not None else False


# what is told of jobs


def info_from(job_id: str, reply: bytes | None) -> JobInfo | None:
    """Return what `lookup.lua` tells of one job; what cannot be read tells nothing."""
    if reply is None:
        return None
    state, _, rest = reply.partition(b"|")
    attempt, *result = rest.split(b"|", 1)
    try:
        known, failures = JobState(state.decode()), int(attempt)
    except ValueError:
        return None
    return JobInfo(job_id, known, failures, result[0] if result else None)


def letter_from(row: Sequence[Any]) -> DeadJob:
    """Return a dead letter that `dead.lua` tells of."""
    number, lane, fields, meta, attempt, deliveries, reason, died_at = row
    return DeadJob(
        number.decode(),
        text_of(fields[1]),
        fields[3],
        meta,
        int(lane),
        attempt,
        deliveries,
        text_of(reason),
        died_at / 1000,
    )
