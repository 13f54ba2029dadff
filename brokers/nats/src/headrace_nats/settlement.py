"""Ends deliveries: what becomes of a job is written first, fenced, and then its old copy goes."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from headrace.errors import BrokerError, Overloaded, Rejected, Unavailable
from headrace.faultpoint import reach
from headrace.job import JobState, Lease
from headrace.outcome import Dead, Done, Outcome, Release, Reschedule
from headrace_nats.ending import again, dead, end_of, is_expired, over
from headrace_nats.fences import PAUSES, fence
from headrace_nats.keys import Keys
from headrace_nats.lean import Headers, Message
from headrace_nats.marks import Marks
from headrace_nats.queue import NatsQueue, Stored
from headrace_nats.superseding import supersede
from headrace_nats.wire import read_copy, token_of

ACK = b"+ACK"
IN_PROGRESS = b"+WPI"

SHORT_REASON = 50
"""Characters of a reason for which there is always room."""

OUTLIVES = 2.0
"""Leases for which the note of an end is kept at least, longer than it is told of: a copy that a
dying worker left behind comes within one, and must find it."""

HEADERS = 512
"""Bytes of a message beside what lies in it, at most."""


class Settlement:
    """Settles the leases of one queue.

    Args:
        queue: Whose.
        marks: Its notes of jobs to be cancelled.
        keys: Its unique keys.
    """

    def __init__(self, queue: NatsQueue, marks: Marks, keys: Keys) -> None:
        self._queue = queue
        self._marks = marks
        self._keys = keys
        self._marked: set[str] = set()

    async def settle(self, outcomes: Sequence[Outcome]) -> list[bool]:
        """End deliveries; see `Broker.settle`."""
        tokens = [token_of(outcome.lease) for outcome in outcomes]
        is_open = [not token.settled for token in tokens]
        left = [outcome for outcome, yes in zip(outcomes, is_open, strict=True) if yes]
        counts = iter(await self._settle(left) if left else ())
        answers = [yes and next(counts) for yes in is_open]
        for token, yes in zip(tokens, answers, strict=True):
            token.settled = token.settled or yes
        return answers

    async def _settle(self, outcomes: Sequence[Outcome]) -> list[bool]:
        final = await self._final(outcomes)
        messages = await self._messages(final)
        try:
            counts = await self._write(final, messages)
        except Overloaded:
            # Where there is no room, what is over without a word makes some.
            pairs = zip(final, messages, strict=True)
            await self._acknowledge([one.lease for one, message in pairs if message is None])
            raise
        reach("nats.settle.written")
        await self._let_go(final, messages, counts)
        reach("nats.settle.acknowledged")
        for index, outcome in enumerate(outcomes):
            # What was made of a retry, because the job is cancelled, counts from its holder alone.
            if not counts[index] and isinstance(outcome, Done):
                counts[index] = await self._finish_elsewhere(outcome)
        over = [one.lease for one, yes in zip(final, counts, strict=True) if yes and _is_end(one)]
        await self._clean(over)
        return counts

    # before

    async def _final(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Let no job come back that is to be cancelled, or whose time is over."""
        back = [one.lease for one in outcomes if isinstance(one, Reschedule | Release)]
        if not back:
            return list(outcomes)
        marked = await self.marked(back)
        clock = self._queue.clock
        if any(token_of(lease).copy.expires is not None for lease in back):
            clock = await self._queue.now()
        now = self._queue.connection.now()

        def ended(outcome: Outcome) -> Outcome:
            lease = outcome.lease
            if not isinstance(outcome, Reschedule | Release):
                return outcome
            if lease.id in marked:
                return Done(lease, None, self._queue.spec.result_ttl, JobState.CANCELLED)
            if is_expired(token_of(lease).copy, clock, now):
                return Done(lease, None, self._queue.spec.result_ttl, JobState.EXPIRED)
            return outcome

        return [ended(outcome) for outcome in outcomes]

    async def marked(self, leases: Sequence[Lease]) -> set[str]:
        """Return the ids of leased jobs that are to be cancelled."""
        jobs = ((lease.id, token_of(lease).copy.origin) for lease in leases)
        marked = await self._marks.among(jobs)
        self._marked |= marked
        return marked

    async def _messages(self, outcomes: Sequence[Outcome]) -> list[Message | None]:
        """Return what each outcome writes; nothing, where nothing is kept and the lease is good."""
        needs_time = any(not isinstance(one, Release) for one in outcomes)
        latest = await self._queue.latest() if needs_time else 0.0
        now = self._queue.connection.now()
        return [
            None if _needs_no_word(outcome, now) else self._message(outcome, latest)
            for outcome in outcomes
        ]

    def _message(self, outcome: Outcome, latest: float) -> Message:
        message = self._unchecked(outcome, latest)
        if self._fits(message):
            return message
        if not isinstance(outcome, Dead):
            what = "result" if isinstance(outcome, Done) else "meta"
            reason = f"with its {what} it has more bytes than the server takes"
            raise Rejected(outcome.lease.id, reason)
        # A job that came in goes out again; what it says of itself may be too much.
        shorter = dead(self._queue.subjects, structs.replace(outcome, result=None), latest)
        if self._fits(shorter):
            return shorter
        reason = outcome.reason[:SHORT_REASON]
        shortest = structs.replace(outcome, result=None, meta=b"", reason=reason)
        return dead(self._queue.subjects, shortest, latest)

    def _fits(self, message: Message) -> bool:
        return len(message.data) + HEADERS <= self._queue.largest

    def _unchecked(self, outcome: Outcome, latest: float) -> Message:
        subjects = self._queue.subjects
        match outcome:
            case Done():
                return self._note(outcome, latest)
            case Dead():
                return dead(subjects, outcome, latest + outcome.ttl)
            case _:
                return again(self._queue, outcome, latest)

    def _note(self, outcome: Done, latest: float, headers: Headers | None = None) -> Message:
        told = (outcome.result, latest + outcome.ttl) if outcome.ttl > 0 else (None, 0.0)
        end = end_of(outcome.lease, outcome.state, *told)
        kept = max(outcome.ttl, OUTLIVES * self._queue.spec.lease)
        return over(self._queue.subjects, outcome.lease, end, kept, headers)

    # after

    async def _write(
        self, outcomes: Sequence[Outcome], messages: Sequence[Message | None]
    ) -> list[bool]:
        """Write what becomes of jobs, and tell what passed its fence, or needs none."""
        if not any(messages):
            return [True] * len(outcomes)
        writes: dict[int, tuple[Lease, Message]] = {}
        twice: list[int] = []
        for index, (outcome, message) in enumerate(zip(outcomes, messages, strict=True)):
            seq = token_of(outcome.lease).seq
            if seq in writes:
                twice.append(index)
            elif message is not None:
                writes[seq] = outcome.lease, message
        passed = await supersede(self._queue, list(writes.values()))
        return [
            index not in twice and (message is None or token_of(outcome.lease).seq in passed)
            for index, (outcome, message) in enumerate(zip(outcomes, messages, strict=True))
        ]

    async def _let_go(
        self, outcomes: Sequence[Outcome], messages: Sequence[Message | None], counts: list[bool]
    ) -> None:
        """Acknowledge the copies that were leased, but for those whose fence refused.

        Where something is written already it counts, whether the old copy goes now or later.
        """
        unwritten = [index for index, message in enumerate(messages) if message is None]
        good = [index for index, yes in enumerate(counts) if yes]
        refused = [outcome.lease for outcome, yes in zip(outcomes, counts, strict=True) if not yes]
        try:
            if good:
                await self._acknowledge([outcomes[index].lease for index in good])
            if refused:
                await self._take_away(refused)
        except BrokerError:
            if unwritten:
                raise
        now = self._queue.connection.now()
        for index in unwritten:
            if outcomes[index].lease.deadline <= now:
                counts[index] = await self._is_gone(outcomes[index].lease)

    async def _take_away(self, leases: Sequence[Lease]) -> None:
        """Delete what is left of copies that are out of date.

        An acknowledgement names a number, which is another job's in a stream that was made anew.
        """
        found = await self._queue.fetch([{"seq": token_of(lease).seq} for lease in leases])
        left = [
            stored.seq
            for lease, stored in zip(leases, found, strict=True)
            if stored is not None
            and stored.subject == self._queue.subjects.leased(lease)
            and _is_same_copy(stored, lease)
        ]
        if left:
            await self._queue.delete(left)

    async def _acknowledge(self, leases: Sequence[Lease]) -> None:
        """Let copies go. The server answers the last one of each lane, after the ones before it."""
        replies = [(lease.priority, token_of(lease).reply) for lease in leases]
        last = dict(replies).values()
        before = [Message(reply, ACK) for _, reply in replies if reply not in last]
        await self._queue.connection.tell(before)
        await self._queue.connection.ask([Message(reply, ACK) for reply in last])

    async def _is_gone(self, lease: Lease) -> bool:
        """Tell whether a copy went although the word of it came late."""
        [stored] = await self._queue.get([self._queue.subjects.leased(lease)])
        return stored is None or not _is_same_copy(stored, lease)

    async def _finish_elsewhere(self, outcome: Done) -> bool:
        """End a job whose lease is lost, if the copy that another worker has is not settled.

        Raises:
            Unavailable: The copy is written anew again and again.
        """
        lease = outcome.lease
        for pause in PAUSES:
            [stored] = await self._queue.newest([lease.id])
            if stored is None or stored.subject != self._queue.subjects.leased(lease):
                return False
            if not _is_same_copy(stored, lease):
                return False
            if await self._overrule(outcome, stored):
                return True
            # Who gives it back writes it anew, and one is as good as the other.
            await self._queue.connection.pause(pause)
        message = f"job {lease.id} is written anew all the time"
        raise Unavailable(message)

    async def _overrule(self, outcome: Done, stored: Stored) -> bool:
        """End a job in the place of who has this copy. Tell whether it was the newest still."""
        newest = fence(stored.seq, self._queue.subjects.anywhere(outcome.lease.id))
        latest = await self._queue.latest()
        [ack] = await self._queue.publish([self._note(outcome, latest, newest)])
        if ack.error is None:
            reach("nats.settle.overruled")
            await self._queue.delete([stored.seq])
        return ack.error is None

    async def _clean(self, leases: Sequence[Lease]) -> None:
        """Drop what only a live job needs."""
        holders: dict[str, str] = {}
        for lease in leases:
            copy = token_of(lease).copy
            if copy.unique is not None and copy.held_for is None:
                holders[copy.unique] = lease.id
        if holders:
            await self._keys.release(holders)
        marked = [lease.id for lease in leases if lease.id in self._marked]
        if marked:
            self._marked.difference_update(marked)
            await self._marks.drop(marked)


def _is_same_copy(stored: Stored, lease: Lease) -> bool:
    if not stored.data:
        return False
    held, copy = token_of(lease).copy, read_copy(stored.data)
    return (copy.origin, copy.number) == (held.origin, held.number)


def _needs_no_word(outcome: Outcome, now: float) -> bool:
    """Tell whether a copy can go and nothing is kept: it was the first, and its lease is good."""
    if not isinstance(outcome, Done) or outcome.ttl > 0:
        return False
    copy = token_of(outcome.lease).copy
    return not copy.number and not copy.deliveries and now < outcome.lease.deadline


def _is_end(outcome: Outcome) -> bool:
    return isinstance(outcome, Done | Dead)
