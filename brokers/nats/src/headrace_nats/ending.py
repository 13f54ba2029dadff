"""What is written when a job changes its state: plain functions from an outcome to a message."""

from __future__ import annotations

from msgspec import Struct, structs

from headrace.job import JobState, Lease
from headrace.outcome import Dead, Release, Reschedule
from headrace_nats.fences import fence, forgotten_after
from headrace_nats.lean import Headers, Message
from headrace_nats.queue import NatsQueue
from headrace_nats.server_clock import ServerClock, written
from headrace_nats.subjects import Kind, Subjects
from headrace_nats.wire import Copy, Letter, Over, encode, token_of


def over(
    subjects: Subjects, lease: Lease, end: Over, ttl: float, headers: Headers | None = None
) -> Message:
    """Return the note of how a job ended.

    Args:
        subjects: Of its queue.
        lease: Of the job.
        end: How.
        ttl: Seconds for which the note is kept.
        headers: The fence; `None`: nothing is newer than the message that is leased.
    """
    if headers is None:
        headers = fence(token_of(lease).seq, subjects.anywhere(lease.id))
    subject = subjects.of(Kind.OVER, lease.priority, lease.id)
    return Message(subject, encode(end), forgotten_after(ttl) | headers)


def end_of(lease: Lease, state: JobState, result: bytes | None, until: float) -> Over:
    """Return how a leased job ended."""
    return Over(token_of(lease).copy.origin, state, lease.attempt, result, until)


class Place(Struct, frozen=True, gc=False):
    """Where a copy lies that is to be replaced.

    Attributes:
        lane: Of the job.
        job_id: Of the job.
        seq: The number of the message.
    """

    lane: int
    job_id: str
    seq: int


def again(queue: NatsQueue, outcome: Reschedule | Release, now: float) -> Message:
    """Return the new copy of a job that is to run again.

    Args:
        queue: Its queue.
        outcome: What became of the old one.
        now: By the server's clock; it matters if there is a delay.
    """
    lease = outcome.lease
    token = token_of(lease)
    copy = structs.replace(token.copy, number=token.copy.number + 1, deliveries=0)
    delay = 0.0
    if isinstance(outcome, Reschedule):
        copy = structs.replace(copy, attempt=outcome.attempt, meta=outcome.meta)
        delay = outcome.delay
    place = Place(lease.priority, lease.id, token.seq)
    return moved(queue, place, copy, now + delay if delay else 0.0)


def moved(queue: NatsQueue, place: Place, copy: Copy, due: float) -> Message:
    """Return what takes the place of a copy: at once, or at a moment of the server's clock."""
    newest = fence(place.seq, queue.subjects.anywhere(place.job_id))
    if due:
        return delayed(queue, place, copy, due, newest)
    ready = queue.subjects.of(Kind.READY, place.lane, place.job_id)
    return Message(ready, encode(structs.replace(copy, due=None)), newest)


def delayed(queue: NatsQueue, place: Place, copy: Copy, due: float, headers: Headers) -> Message:
    """Return a job that waits for its time.

    Args:
        queue: Its queue.
        place: Its lane and its id.
        copy: What it is.
        due: When it may start, by the server's clock.
        headers: What it is written under.
    """
    subject = queue.subjects.of(Kind.DELAYED, place.lane, place.job_id)
    if queue.moves_by_itself:
        ready = queue.subjects.of(Kind.READY, place.lane, place.job_id)
        return Message(subject, encode(copy), headers | scheduled(due, ready))
    return Message(subject, encode(structs.replace(copy, due=due)), headers)


def scheduled(due: float, subject: str) -> Headers:
    """Let the server publish a message elsewhere when its time has come."""
    return {
        "Nats-Schedule": f"@at {written(due)}",
        "Nats-Schedule-Target": subject,
    }


def dead(subjects: Subjects, outcome: Dead, until: float) -> Message:
    """Return the dead letter of a job.

    Args:
        subjects: Of its queue.
        outcome: Why, and what is kept.
        until: When its result is forgotten, by the server's clock.
    """
    lease = outcome.lease
    token = token_of(lease)
    copy = structs.replace(token.copy, attempt=outcome.attempt, meta=outcome.meta)
    letter = Letter(copy, outcome.reason, lease.deliveries, outcome.result, until)
    newest = fence(token.seq, subjects.anywhere(lease.id))
    subject = subjects.of(Kind.DEAD, lease.priority, lease.id)
    return Message(subject, encode(letter), {"Nats-Rollup": "sub"} | newest)


def is_expired(copy: Copy, clock: ServerClock, now: float) -> bool:
    """Tell whether no attempt may begin any more.

    Args:
        copy: Of the job.
        clock: The server's.
        now: By the client's clock.
    """
    return copy.expires is not None and copy.expires <= clock.earliest(now)
