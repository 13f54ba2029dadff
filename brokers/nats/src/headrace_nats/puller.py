"""Asks the consumers of a queue for messages, and keeps what comes."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from math import inf
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct
from nats.aio.subscription import Subscription

from headrace.errors import AuthFailed, BrokerError, Unavailable
from headrace_nats.connection import NO_RESPONDERS
from headrace_nats.errors import QueueLost
from headrace_nats.incoming import Incoming
from headrace_nats.queue import NatsQueue
from headrace_nats.subjects import place_of
from headrace_nats.wire import delivered

logger: logging.Logger = logging.getLogger("headrace.nats")

LATE = 1.0
"""Seconds after its end at which a pull of which nothing is heard is given up."""

NO_MESSAGES = "404"
TIME_IS_UP = "408"
CONFLICT = "409"


class Delivered(Struct, frozen=True, gc=False):
    """A message that was handed to this client.

    Attributes:
        lane: Of the job.
        job_id: Of the job.
        data: What lies in it.
        reply: Where to acknowledge it.
        count: How often it was delivered.
        seq: Its number in the stream.
        asked_at: When the request was sent that it answers, or an older one.
    """

    lane: int
    job_id: str
    data: bytes
    reply: str
    count: int
    seq: int
    asked_at: float


class Pull:
    """One request for messages.

    Args:
        number: Among all pulls of a client: the server's word about it carries it.
        batch: How many at most.
        asked_at: When it was sent.
        until: When nothing more can come.
    """

    def __init__(self, number: int, batch: int, asked_at: float, until: float) -> None:
        self.number = number
        self.left = batch
        self.asked_at = asked_at
        self.until = until
        self.failure: BrokerError | None = None
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def end(self, failure: BrokerError | None = None) -> None:
        """Say that nothing more comes."""
        if not self.over.done():
            self.failure = failure
            self.over.set_result(None)


Pulls: TypeAlias = dict[str, Pull]
"""The last one from each consumer."""


class Puller:
    """Pulls for one worker: at most one at a time from each consumer.

    What is not wanted any more when it comes is kept in stock. A pull cannot be taken back, so one
    that waits is short, and nobody cancels it. Nothing in a message tells which pull it answers: so
    where one is given up those that follow have an inbox of their own, for what still comes of it
    is older than they are.

    Args:
        queue: Where from.
        arrived: Called after a message that is the first in stock.
    """

    def __init__(self, queue: NatsQueue, arrived: Callable[[], None]) -> None:
        self._queue = queue
        self._arrived = arrived
        self._open: Pulls = {}
        self._count = 0
        self._stock: deque[Delivered] = deque()
        self._came = asyncio.Event()
        self._inbox = ""
        self._subscription: Subscription | None = None
        self._former: deque[tuple[float, Subscription]] = deque()
        self._asked: set[str] = set()
        self._turn = asyncio.Lock()
        self._bonds = ExitStack()
        queue.connection.on_reconnect.append(self._forsake)
        self._bonds.callback(queue.connection.on_reconnect.remove, self._forsake)
        self._bonds.enter_context(queue.connection.asking(self._asked, self._denied))

    async def take(self, limit: int, consumers: Sequence[str]) -> list[Delivered]:
        """Return what came before, or else what is there, from one after the other.

        Raises:
            BrokerError: The server refuses, or does not answer. What others gave is not lost.
        """
        found = self._from_stock(limit)
        if found:
            return found
        for name in consumers:
            # Where a pull waits nothing is to be had.
            if len(found) < limit and self._waiting(name) is None:
                try:
                    await self._until_over(await self._pull(name, limit - len(found), wait=0.0))
                except BrokerError:
                    if not found:
                        raise
                    break
                found += self._from_stock(limit - len(found))
        return found

    async def wait(self, seconds: float, consumers: Sequence[str]) -> None:
        """Wait until a message comes from any of them, or for so many seconds.

        Raises:
            BrokerError: The server refuses.
        """
        self._came.clear()
        pulls = [
            self._waiting(name) or await self._pull(name, 1, wait=seconds) for name in consumers
        ]
        if not self._stock:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds + LATE):
                    await self._came.wait()
        for pull in pulls:
            if pull.failure is not None:
                failure, pull.failure = pull.failure, None
                raise failure

    @property
    def has_stock(self) -> bool:
        """Whether something came that nobody has taken."""
        return bool(self._stock)

    def put_back(self, found: Sequence[Delivered]) -> None:
        """Keep messages for the next who takes some."""
        self._stock.extendleft(reversed(found))

    def left_over(self) -> list[Delivered]:
        """Take what came and nobody wanted."""
        return self._from_stock(len(self._stock))

    async def close(self) -> None:
        """Wait until the server has answered all that was asked of it."""
        for pull in list(self._open.values()):
            await self._until_over(pull, heed=False)
        self._leave()
        await self._silence_before(inf)
        self._bonds.close()

    # asking

    async def _listen(self) -> None:
        if any(self._is_unanswered(pull) for pull in self._open.values()):
            self._leave()
        async with self._turn:
            if self._subscription is None:
                connection, opened = self._queue.connection, Pulls()
                inbox = connection.inbox()
                await self._silence_before(connection.now() - self._queue.spec.lease)
                heed = partial(self._heed, inbox, opened)
                self._subscription = await connection.listen(f"{inbox}.*", heed)
                self._inbox, self._open = inbox, opened

    def _leave(self) -> None:
        """Wait for nothing any more. What comes all the same is not taken for newer than it is."""
        for pull in self._open.values():
            pull.end()
        if self._subscription is not None:
            self._former.append((self._queue.connection.now(), self._subscription))
            self._subscription = None

    async def _silence_before(self, moment: float) -> None:
        """Listen no more where nothing was asked since."""
        while self._former and self._former[0][0] < moment:
            _, subscription = self._former.popleft()
            with suppress(BrokerError):
                await self._queue.connection.silence(subscription)

    def _waiting(self, consumer: str) -> Pull | None:
        pull = self._open.get(consumer)
        return None if pull is None or pull.over.done() or self._is_unanswered(pull) else pull

    def _is_unanswered(self, pull: Pull) -> bool:
        return not pull.over.done() and pull.until + LATE < self._queue.connection.now()

    async def _pull(self, consumer: str, batch: int, wait: float) -> Pull:
        await self._listen()
        connection, now = self._queue.connection, self._queue.connection.now()
        self._count += 1
        pull = self._open[consumer] = Pull(self._count, batch, now, now + wait)
        wish: dict[str, Any] = {"batch": batch}
        wish |= {"expires": int(wait * 1e9)} if wait else {"no_wait": True}
        verb = f"$JS.API.CONSUMER.MSG.NEXT.{self._queue.subjects.stream}.{consumer}"
        self._asked.add(verb)
        try:
            await connection.send(verb, msgspec.json.encode(wish), f"{self._inbox}.{pull.number}")
        except BaseException:
            pull.end()
            raise
        return pull

    async def _until_over(self, pull: Pull, *, heed: bool = True) -> None:
        left = pull.until + LATE - self._queue.connection.now()
        await asyncio.wait([pull.over], timeout=max(0.0, left))
        if not pull.over.done():
            self._leave()
            if heed:
                message = "no answer to a pull"
                raise Unavailable(message)
        if heed and pull.failure is not None:
            raise pull.failure

    # being answered

    def _heed(self, inbox: str, opened: Pulls, msg: Incoming) -> None:
        if msg.subject.startswith(inbox):
            number = msg.subject.rpartition(".")[2]
            self._heed_status(opened, number, msg.status, msg.text)
            return
        delivery, place = delivered(msg.reply), place_of(msg.subject)
        if delivery is None or place is None or delivery[0] not in opened:
            logger.warning("a message came that no consumer sent", extra={"subject": msg.subject})
            return
        (consumer, count, seq), (lane, job_id) = delivery, place
        pull, is_first = opened[consumer], not self._stock
        self._stock.append(Delivered(lane, job_id, msg.data, msg.reply, count, seq, pull.asked_at))
        if is_first:
            self._came.set()
            self._arrived()
        pull.left -= 1
        if not pull.left:
            pull.end()

    def _heed_status(self, opened: Pulls, number: str, status: str, text: str) -> None:
        pull = next((pull for pull in opened.values() if str(pull.number) == number), None)
        if pull is None:
            return
        if status in (NO_MESSAGES, TIME_IS_UP):
            pull.end()
            if all(other.over.done() for other in opened.values()):
                self._came.set()
        elif status == CONFLICT and "consumer deleted" not in text.lower():
            pull.end(Unavailable(text))
            self._came.set()
        elif status in (CONFLICT, NO_RESPONDERS):
            pull.end(QueueLost(text))
            self._came.set()

    def _denied(self, error: AuthFailed) -> None:
        for pull in self._open.values():
            pull.end(error)
        self._came.set()

    def _forsake(self) -> None:
        """Whatever was asked before the connection broke is not answered any more."""
        self._leave()
        self._came.set()

    def _from_stock(self, limit: int) -> list[Delivered]:
        return [self._stock.popleft() for _ in range(min(limit, len(self._stock)))]
