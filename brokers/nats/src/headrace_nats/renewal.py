"""Keeps leases alive."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.broker import Held
from headrace.errors import Overloaded
from headrace.job import Lease
from headrace_nats.fences import fence, forgotten_after
from headrace_nats.lean import Message
from headrace_nats.queue import NatsQueue
from headrace_nats.settlement import IN_PROGRESS, Settlement
from headrace_nats.superseding import supersede
from headrace_nats.wire import token_of


async def renew(queue: NatsQueue, settlement: Settlement, leases: Sequence[Lease]) -> list[Held]:
    """Renew leases of one queue; see `Broker.renew`.

    The server renews for anyone who holds an address, a message that is gone too, and does not say
    which it was. So a note is written beside it, which passes only while the message is there.
    """
    sent = queue.connection.now()
    live = [one for one in leases if one.deadline > sent and not token_of(one).settled]
    if not live:
        return [Held.LOST] * len(leases)
    await queue.connection.ask([Message(token_of(lease).reply, IN_PROGRESS) for lease in live])
    held = await _still_there(queue, live)
    ours = [lease for lease in live if token_of(lease).seq in held]
    marked = await settlement.marked(ours) if ours else set[str]()
    answers: list[Held] = []
    for lease in leases:
        token = token_of(lease)
        if lease.deadline <= sent or token.settled or token.seq not in held:
            answers.append(Held.LOST)
            continue
        lease.deadline = sent + queue.spec.lease
        answers.append(Held.CANCELLED if lease.id in marked else Held.OK)
    return answers


async def _still_there(queue: NatsQueue, leases: Sequence[Lease]) -> set[int]:
    """Return the numbers of the copies that nobody has replaced."""
    try:
        return await supersede(queue, [(lease, _note(queue, lease)) for lease in leases])
    except Overloaded:
        # A full server stores no note, but tells what it has.
        found = await queue.get([queue.subjects.leased(lease) for lease in leases])
        return {one.seq for one in found if one is not None}


def _note(queue: NatsQueue, lease: Lease) -> Message:
    subjects = queue.subjects
    still_ours = fence(token_of(lease).seq, subjects.anywhere(lease.id))
    headers = forgotten_after(queue.spec.lease) | still_ours
    return Message(subjects.beat(lease.id), b"", headers)
