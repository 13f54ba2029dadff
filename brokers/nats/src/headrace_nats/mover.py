"""Brings delayed jobs to their lanes, where the server does not do it by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from msgspec import structs

from headrace.faultpoint import reach
from headrace_nats.burial import bury, is_stranger
from headrace_nats.errors import QueueLost
from headrace_nats.fences import fence
from headrace_nats.lean import Message
from headrace_nats.puller import Delivered, Puller
from headrace_nats.queue import NatsQueue
from headrace_nats.subjects import DELAYED_COUNTER, Kind
from headrace_nats.wire import Copy, encode, read_copy

STEP = 500
"""Jobs that are looked at in one step."""

TICK = 0.2
"""Seconds between two steps: how late a job can be."""

IDLE = 30.0
"""Seconds until the next step where the server moves jobs by itself."""

ACK = b"+ACK"


class Mover:
    """Looks at delayed jobs once, and again when the server brings them back at their time.

    A job is written to its lane first, fenced by the message that waits, and then that one goes: it
    is moved once, however many do it.

    Args:
        queue: Whose.
    """

    def __init__(self, queue: NatsQueue) -> None:
        self._queue = queue
        self._puller = Puller(queue, lambda: None)
        self._turn = asyncio.Lock()

    async def move(self) -> float:
        """Move some of the jobs that are due. Return the seconds until the next step."""
        if self._queue.moves_by_itself:
            return IDLE
        if self._turn.locked():
            return TICK
        async with self._turn:
            try:
                found = await self._puller.take(STEP, [DELAYED_COUNTER])
            except QueueLost as error:
                await self._queue.restore(error)
                return TICK
            if found:
                await self._sort(found)
        return 0.0 if len(found) == STEP else TICK

    async def _sort(self, found: Sequence[Delivered]) -> None:
        strangers = [one for one in found if is_stranger(one, self._queue.largest)]
        if strangers:
            await bury(self._queue, strangers)
            found = [one for one in found if one not in strangers]
        copies = sorted(
            ((read_copy(one.data), one) for one in found), key=lambda pair: pair[0].due or 0.0
        )
        earliest = await self._queue.earliest()
        due = [(copy, one) for copy, one in copies if (copy.due or 0.0) <= earliest]
        await self._queue.publish([self._ready(one, copy) for copy, one in due])
        if due:
            reach("nats.move.written")
        # Also where the fence refused: then another mover was here before.
        answers = [Message(one.reply, ACK) for _, one in due]
        for copy, one in copies[len(due) :]:
            nanoseconds = int(((copy.due or 0.0) - earliest) * 1e9)
            answers.append(Message(one.reply, b'-NAK {"delay": %d}' % nanoseconds))
        await self._queue.connection.tell(answers)

    def _ready(self, one: Delivered, copy: Copy) -> Message:
        subjects = self._queue.subjects
        newest = fence(one.seq, subjects.anywhere(one.job_id))
        ready = subjects.of(Kind.READY, one.lane, one.job_id)
        # The fence holds until the old message goes, which a dying worker may not live to see to.
        once = {"Nats-Msg-Id": f"{one.job_id}:{one.seq}"}
        return Message(ready, encode(structs.replace(copy, due=None)), newest | once)

    async def close(self) -> None:
        """Stop looking. What was taken and not sorted comes again after a lease."""
        await self._puller.close()
