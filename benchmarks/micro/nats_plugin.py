"""What the NATS plug-in does for each job, beside the driver."""

from __future__ import annotations

from functools import partial

from benchmarks.micro.producing import call, queue, send_email
from benchmarks.micro.running import NOW
from benchmarks.micro.subject import Subject, each
from headrace.job import JobState, Lease
from headrace_nats.ending import end_of, over
from headrace_nats.fences import fence
from headrace_nats.lean import Message, packed
from headrace_nats.subjects import Kind, Subjects, parse
from headrace_nats.wire import Copy, Token, delivered, encode, read_ack, read_copy

REPLY = "_INBOX.4b1dzt0nW6uHs0sSYDSEU6.17"
ACK_ADDRESS = "$JS.ACK.headrace_default.lane-1.1.48213.48107.1795356120000000000.12"
PUB_ACK = b'{"stream":"headrace_default","seq":48213}'

job = queue.draft(call, send_email.effective, None)
subjects = Subjects("headrace", queue.name)
place = subjects.of(Kind.READY, job.priority, job.id)
copy = Copy("018f8a1e4c7b7000.17", job.body)
noted = encode(copy)


def _fenced() -> tuple[str, dict[str, str]]:
    headers = {"Nats-Msg-Id": copy.origin} | fence(0, subjects.anywhere(job.id))
    return subjects.of(Kind.READY, job.priority, job.id), headers


token = Token(48213, ACK_ADDRESS, copy)
lease = Lease(queue.name, job.id, job.body, b"", job.priority, 0, 1, 48213, NOW, token)


def _ended() -> Message:
    end = end_of(lease, JobState.SUCCEEDED, b"\x07", NOW)
    return over(subjects, lease, end, 600.0)


stored = Message(place, noted, _fenced()[1])
acknowledgement = Message(ACK_ADDRESS, b"+ACK")

SUBJECTS = [
    Subject("nats: subject and fence", each(_fenced)),
    Subject("nats: note of a job", each(partial(encode, copy))),
    Subject("nats: pack a job", each(partial(packed, stored, REPLY))),
    Subject("nats: pack an acknowledgement", each(partial(packed, acknowledgement, ""))),
    Subject("nats: note of an end", each(_ended)),
    Subject("nats: read an answer", each(partial(read_ack, PUB_ACK))),
    Subject("nats: read an address", each(partial(delivered, ACK_ADDRESS))),
    Subject("nats: read a subject", each(partial(parse, place))),
    Subject("nats: read a note", each(partial(read_copy, noted))),
]
