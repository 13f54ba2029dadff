"""One worker as a consumer of one queue: from what the server delivers to leases."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from msgspec import structs

from headrace.broker import FAIR_EVERY
from headrace.errands import Errands
from headrace.errors import BrokerError
from headrace.faultpoint import reach
from headrace.job import JobState, Lease
from headrace.outcome import Done, Ended, Outcome
from headrace_nats.burial import bury, is_stranger
from headrace_nats.ending import Place, is_expired, moved
from headrace_nats.errors import QueueLost
from headrace_nats.lean import Message
from headrace_nats.mover import Mover
from headrace_nats.puller import Delivered, Puller
from headrace_nats.queue import NatsQueue
from headrace_nats.settlement import ACK, IN_PROGRESS, Settlement
from headrace_nats.subjects import Kind, consumer_of
from headrace_nats.superseding import supersede
from headrace_nats.wire import Token, read_copy, token_of

LONGEST_PULL = 0.5
"""Seconds for which a pull waits at most: how long closing can take, and seeing a resume."""

KEEP = 0.2
"""Seconds for which a job that came too late is kept for the next claim before it goes back."""

SUSPECT = 3
"""From this delivery on a job may be what killed its workers. Those that died with it must not die
with it again: a consumer gets one such job at a time."""

ASIDE = 0.5
"""Seconds for which a suspect is put aside while this consumer has another one."""


class Consumer:
    """Claims jobs for one worker.

    A message that is delivered once more belonged to a worker that is gone. It is written anew
    before it is handed out: from then on what that worker still sends is refused, for it names a
    message that is no longer the last of its subject.

    Args:
        queue: Where from.
        settlement: Ends jobs that are not to be handed out.
        mover: Brings jobs to their lanes whose time has come, where the server does not.
    """

    def __init__(self, queue: NatsQueue, settlement: Settlement, mover: Mover) -> None:
        self._queue = queue
        self._settlement = settlement
        self._mover = mover
        self._served = [consumer_of(lane) for lane in range(queue.spec.lanes)]
        self._puller = Puller(queue, self._arrived)
        self._suspects: dict[int, Lease] = {}
        self._doubtful: set[int] = set()
        self._claims = 0
        self._claiming = 0
        self._turn = asyncio.Lock()
        self._errands = Errands("headrace-nats-claim")
        self._tidying: asyncio.TimerHandle | None = None

    async def claim(self, limit: int, wait: float) -> list[Lease]:
        """Lease jobs; see `Broker.claim`. What a cancelled call had taken is given back."""
        until = self._now + wait
        self._claiming += 1
        try:
            while True:
                leases = await self._errands.finish(self._claim_now(limit), self._give_back_claimed)
                left = until - self._now
                if leases or left <= 0:
                    return leases
                await self._wait(min(left, self._longest_pull))
        finally:
            self._claiming -= 1
            self._arrived()

    @property
    def _now(self) -> float:
        return self._queue.connection.now()

    @property
    def _longest_pull(self) -> float:
        # A job that a pull brings is leased for what is left since the pull began.
        return min(LONGEST_PULL, self._queue.spec.lease / 4)

    async def _wait(self, seconds: float) -> None:
        try:
            await self._puller.wait(seconds, self._served)
        except QueueLost as error:
            await self._queue.restore(error)

    # claiming

    async def _claim_now(self, limit: int) -> list[Lease]:
        async with self._turn:
            try:
                await self._mover.move()
                found = await self._puller.take(limit, self._in_turn())
            except QueueLost as error:
                await self._queue.restore(error)
                return []
            live = self._live(found)
            if len(live) < len(found):
                await self._forgo([one for one in found if one not in live])
            try:
                return await self._leases(live) if live else []
            except BrokerError:
                # None was handed out: what was done with some of them is seen at the next try.
                await self._keep_back(live)
                raise

    def _live(self, found: Sequence[Delivered]) -> list[Delivered]:
        oldest = self._now - self._queue.spec.lease
        return [one for one in found if one.asked_at > oldest]

    async def _keep_back(self, found: Sequence[Delivered]) -> None:
        """Keep messages for the next claim, and their leases: running out, they would count.

        Some may have been written anew before what was done with them failed.
        """
        found, now = self._live(found), self._now
        self._doubtful.update(one.seq for one in found)
        with suppress(BrokerError):
            await self._queue.connection.ask([Message(one.reply, IN_PROGRESS) for one in found])
            found = [structs.replace(one, asked_at=now) for one in found]
        self._puller.put_back(found)

    def _in_turn(self) -> list[str]:
        """Begin at lane 0, but every so often at each of the others in turn."""
        self._claims += 1
        lanes = len(self._served)
        turn, rest = divmod(self._claims, FAIR_EVERY)
        first = 0 if rest or lanes == 1 else 1 + turn % (lanes - 1)
        return self._served[first:] + self._served[:first]

    async def _leases(self, found: Sequence[Delivered]) -> list[Lease]:
        """Return what may start, and do with the rest what is to be done with it."""
        await self._drop([one for one in found if not one.data])
        jobs, largest = [one for one in found if one.data], self._queue.largest
        if strangers := [one for one in jobs if is_stranger(one, largest)]:
            await bury(self._queue, strangers)
            jobs = [one for one in jobs if one not in strangers]
        leases = [self._lease(one) for one in jobs]
        # Whoever claims next gets those of workers that are gone.
        abandoned = [lease for lease in leases if _is_abandoned(lease)]
        await self._rewrite(abandoned)
        fresh = [lease for lease in leases if lease not in abandoned]
        ended = await self._ended(fresh)
        if ended:
            await self._end(fresh, ended)
            fresh = [lease for lease in fresh if lease.id not in ended]
        return await self._apart(fresh)

    def _lease(self, one: Delivered) -> Lease:
        copy = read_copy(one.data)
        return Lease(
            self._queue.spec.name,
            one.job_id,
            copy.body,
            copy.meta,
            one.lane,
            copy.attempt,
            copy.deliveries + one.count,
            one.seq,
            one.asked_at + self._queue.spec.lease,
            Token(one.seq, one.reply, copy),
        )

    async def _drop(self, found: Sequence[Delivered]) -> None:
        """Let go of what only marks an end, and first of the copies that it has overruled.

        Whoever wrote it may have died before that. Without it an older copy would count again.
        """
        for one in found:
            await self._drop_before(one)
        await self._queue.connection.tell([Message(one.reply, ACK) for one in found])

    async def _drop_before(self, mark: Delivered) -> None:
        wish = {
            "seq": 1,
            "next_by_subj": self._queue.subjects.of(Kind.READY, mark.lane, mark.job_id),
        }
        while True:
            [first] = await self._queue.fetch([wish])
            if first is None or first.seq >= mark.seq:
                return
            await self._queue.delete([first.seq])

    async def _rewrite(self, leases: Sequence[Lease], due: float = 0.0) -> None:
        """Put jobs back as they were before this delivery.

        Args:
            leases: Of the jobs.
            due: When they come again, by the server's clock.
        """
        writes: list[tuple[Lease, Message]] = []
        for lease in leases:
            token = token_of(lease)
            copy = structs.replace(token.copy, deliveries=lease.deliveries - 1)
            place = Place(lease.priority, lease.id, token.seq)
            writes.append((lease, moved(self._queue, place, copy, due)))
        await supersede(self._queue, writes)
        if writes:
            reach("nats.claim.rewritten")
        # Also those that were refused: something newer is there of them.
        await self._queue.connection.tell([Message(token_of(one).reply, ACK) for one in leases])

    # what must not start

    async def _ended(self, leases: Sequence[Lease]) -> dict[str, Ended | None]:
        """Return the jobs that must not start, and how each ends; `None`: it has ended before."""
        marked = await self._settlement.marked(leases) if leases else set[str]()
        ended: dict[str, Ended | None] = dict.fromkeys(marked, JobState.CANCELLED)
        tokens = [token_of(lease) for lease in leases]
        if any(token.copy.expires is not None for token in tokens):
            clock, now = await self._queue.now(), self._now
            for lease, token in zip(leases, tokens, strict=True):
                if is_expired(token.copy, clock, now):
                    ended.setdefault(lease.id, JobState.EXPIRED)
        for lease, token in zip(leases, tokens, strict=True):
            if token.copy.deliveries or token.seq in self._doubtful:
                if await self._is_superseded(lease):
                    ended[lease.id] = None
                self._doubtful.discard(token.seq)
        return ended

    async def _is_superseded(self, lease: Lease) -> bool:
        """Tell whether a worker that is gone had written what became of a job, but not more."""
        [newest] = await self._queue.newest([lease.id])
        return newest is not None and newest.seq != token_of(lease).seq

    async def _end(self, leases: Sequence[Lease], ended: dict[str, Ended | None]) -> None:
        ttl = self._queue.spec.result_ttl
        outcomes: list[Outcome] = []
        before: list[Message] = []
        for lease in leases:
            state = ended.get(lease.id)
            if state is not None:
                outcomes.append(Done(lease, None, ttl, state))
            elif lease.id in ended:
                before.append(Message(token_of(lease).reply, ACK))
        await self._queue.connection.ask(before)
        await self._settlement.settle(outcomes)

    async def _apart(self, leases: list[Lease]) -> list[Lease]:
        """Keep one suspect at most, and put the others aside."""
        self._suspects = {s: one for s, one in self._suspects.items() if one.deadline > self._now}
        suspects = [one for one in leases if one.deliveries >= SUSPECT]
        chosen = [] if self._suspects else suspects[:1]
        aside = {token_of(one).seq: one for one in suspects[len(chosen) :]}
        if aside:
            await self._rewrite(list(aside.values()), await self._queue.latest() + ASIDE)
        self._suspects |= {token_of(one).seq: one for one in chosen}
        return [lease for lease in leases if token_of(lease).seq not in aside]

    def forget(self, leases: Sequence[Lease]) -> None:
        """Say that leases are settled or lost."""
        for lease in leases if self._suspects else ():
            self._suspects.pop(token_of(lease).seq, None)

    # giving back

    def _give_back_claimed(self, leases: list[Lease]) -> None:
        if leases:
            self._errands.start(self._give_back(leases))

    async def _give_back(self, leases: Sequence[Lease]) -> None:
        """Put jobs back that nobody took; if that fails, the leases run out."""
        self.forget(leases)
        with suppress(BrokerError):
            await self._rewrite(leases)

    def _arrived(self) -> None:
        """See to it that what comes too late for a claim, and before the next, goes back."""
        if not self._claiming and self._tidying is None and self._puller.has_stock:
            self._tidying = asyncio.get_running_loop().call_later(KEEP, self._tidy)

    def _tidy(self) -> None:
        self._tidying = None
        if not self._claiming:
            self._errands.start(self._give_back_left_over())

    async def _give_back_left_over(self) -> None:
        found = self._puller.left_over()
        try:
            await self._return(found)
        except BrokerError:
            await self._keep_back(found)

    async def _forgo(self, found: Sequence[Delivered]) -> None:
        """Give back what came behind its lease, if nobody else has had it since."""
        with suppress(BrokerError):
            await self._return(found)

    async def _return(self, found: Sequence[Delivered]) -> None:
        largest = self._queue.largest if found else 0
        jobs = [one for one in found if one.data and not is_stranger(one, largest)]
        await self._rewrite([self._lease(one) for one in jobs])
        self._doubtful.difference_update(one.seq for one in jobs)

    async def close(self) -> None:
        """Wait for what is under way, and give back what nobody took."""
        if self._tidying is not None:
            self._tidying.cancel()
        await self._errands.ended()
        await self._puller.close()
        await self._give_back_left_over()


def _is_abandoned(lease: Lease) -> bool:
    """Tell whether a message was delivered before, to a worker that did nothing about it."""
    return lease.deliveries - token_of(lease).copy.deliveries > 1
