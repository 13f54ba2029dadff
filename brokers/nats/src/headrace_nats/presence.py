"""Tells whether a job is there, and what is known of it."""

from __future__ import annotations

from headrace.job import JobInfo, JobState
from headrace_nats.queue import NatsQueue, Stored
from headrace_nats.subjects import Kind, parse
from headrace_nats.wire import Copy, read_copy, read_letter, read_over

_STATES = {Kind.READY: JobState.QUEUED, Kind.DELAYED: JobState.DELAYED}
_RANK = (Kind.READY, Kind.DELAYED, Kind.DEAD, Kind.OVER)
"""A job is written where it goes before it is taken from where it was: the later one counts."""


def kind_of(stored: Stored) -> Kind:
    """Return where a job is; what `parse` does not take is nowhere any more."""
    place = parse(stored.subject)
    return Kind.OVER if place is None else place[0]


async def find(queue: NatsQueue, job_id: str) -> Stored | None:
    """Return the last that was written of a job, if it is not to be forgotten by now."""
    [stored] = await queue.newest([job_id])
    if stored is not None and await _is_forgotten(queue, stored):
        # The server would drop it by itself in a while.
        await queue.delete([stored.seq])
        return None
    return stored


async def _is_forgotten(queue: NatsQueue, stored: Stored) -> bool:
    match kind_of(stored):
        case Kind.OVER:
            return read_over(stored.data).until <= await queue.earliest()
        case Kind.DEAD:
            return not stored.data
        case _:
            return False


def is_live(stored: Stored | None) -> bool:
    """Tell whether a job waits, runs or is delayed."""
    return stored is not None and kind_of(stored) in _STATES and bool(stored.data)


def origin_of(stored: Stored) -> str:
    """Return which enqueue a job came with."""
    match kind_of(stored):
        case Kind.OVER:
            return read_over(stored.data).origin
        case Kind.DEAD:
            return read_letter(stored.data).copy.origin
        case _:
            return read_copy(stored.data).origin if stored.data else ""


def is_sent_back(stored: Stored, copy: Copy) -> bool:
    """Tell whether this is a dead letter, or what is left of it, and the copy came out of it."""
    if kind_of(stored) is not Kind.DEAD:
        return False
    return not stored.data or read_letter(stored.data).copy.number < copy.number


def told(job_id: str, found: list[Stored], earliest: float) -> JobInfo | None:
    """Return what is known of a job from all that is kept of it.

    Args:
        job_id: Of the job.
        found: What is kept.
        earliest: A moment that the server's clock has reached.
    """
    ours = [stored for stored in found if parse(stored.subject) is not None]
    for stored in sorted(ours, key=lambda one: _RANK.index(kind_of(one)), reverse=True):
        if any(is_sent_back(stored, read_copy(one.data)) for one in ours if is_live(one)):
            continue
        info = _info(job_id, stored, earliest)
        if info is not None:
            return info
    return None


def _info(job_id: str, stored: Stored, earliest: float) -> JobInfo | None:
    kind = kind_of(stored)
    if kind is Kind.OVER:
        over = read_over(stored.data)
        if over.until <= earliest:
            return None
        return JobInfo(job_id, over.state, over.attempt, over.result)
    if kind is Kind.DEAD:
        if not stored.data:
            return None
        letter = read_letter(stored.data)
        result = letter.result if letter.until > earliest else None
        return JobInfo(job_id, JobState.DEAD, letter.copy.attempt, result)
    if not stored.data:
        return None
    return JobInfo(job_id, _STATES[kind], read_copy(stored.data).attempt)
