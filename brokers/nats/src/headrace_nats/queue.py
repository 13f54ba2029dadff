"""One declared queue on a server: its stream, its consumers, and fenced writes to it."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from msgspec import Struct, structs

from headrace.broker import QueueSpec
from headrace.faultpoint import reach
from headrace.ids import new_id
from headrace_nats.address import Address
from headrace_nats.connection import Connection, failure_of
from headrace_nats.errors import QueueLost, translate
from headrace_nats.fences import in_batch
from headrace_nats.incoming import Incoming
from headrace_nats.lean import Message
from headrace_nats.server_clock import ServerClock, moment_of
from headrace_nats.stream import consumer_config, stream_config, verify_consumer, verify_stream
from headrace_nats.subjects import DEAD_COUNTER, DELAYED_COUNTER, Kind, Subjects, consumer_of, parse
from headrace_nats.wire import REFUSED, PubAck, read_ack

T = TypeVar("T")

logger: logging.Logger = logging.getLogger("headrace.nats")

STREAM_IS_THERE = 10058
"""A stream of this name exists with another configuration."""

NO_CONSUMER = 10014
NOTHING_FOUND = 10037

QUIET = 10.0
"""Seconds in which it is not said again that the queue was lost: it goes piece by piece."""

SETTLING = 0.5
"""Seconds for which a lost queue is left alone: the server may still be at deleting its files. A
stream of the same name that is created meanwhile can lose its own with them. It then stores nothing
any more, and answers nobody (seen with 2.15.1, once in 200 such meetings)."""

TRIES = 8
"""How often a call is made that finds no queue."""


class Stored(Struct, frozen=True, gc=False):
    """A message as the server holds it.

    Attributes:
        subject: Where it lies.
        seq: Its number in the stream.
        data: What lies in it.
        stored_at: When it was stored, by the server's clock, in seconds since the epoch.
    """

    subject: str
    seq: int
    data: bytes
    stored_at: float


class NatsQueue:
    """A queue on a server.

    Args:
        connection: To it.
        address: Settings of new streams.
        spec: As it was declared.
    """

    def __init__(self, connection: Connection, address: Address, spec: QueueSpec) -> None:
        self.connection = connection
        self.subjects: Subjects = Subjects(address.prefix, spec.name)
        self.spec = spec
        self.clock: ServerClock = ServerClock()
        self._address = address
        self._replicas = address.replicas
        self._bound = -1
        self._restoring = asyncio.Lock()
        self._said_at = float("-inf")

    @property
    def is_replicated(self) -> bool:
        """Whether other servers than the leader may answer, and be behind it."""
        return self._replicas > 1

    @property
    def largest(self) -> int:
        """Bytes of a message, headers included, that the server and the stream take at most."""
        most: int = self.connection.client.max_payload
        return most if self._bound < 0 else min(most, self._bound)

    @property
    def moves_by_itself(self) -> bool:
        """Whether the server brings jobs to their lanes when they are due. It came with 2.12."""
        return self.connection.version >= (2, 12)

    # declaring

    async def declare(self) -> None:
        """Create the queue, or verify that it is what the spec says.

        Raises:
            ConfigMismatch: It is there with other settings.
        """
        stream = self.subjects.stream
        wanted = stream_config(self._address, self.subjects, self.spec, whole=self.moves_by_itself)
        try:
            # Looking needs fewer rights than creating.
            reply = await self.connection.api(f"STREAM.INFO.{stream}")
        except QueueLost:
            reply = await self._create(wanted)
            reach("nats.declare.created")
        held = reply["config"]
        verify_stream(held, wanted, self.spec, whole=self.moves_by_itself)
        self._replicas, self._bound = held["num_replicas"], held["max_msg_size"]
        await self._declare_consumers()

    async def _create(self, wanted: dict[str, Any]) -> Any:
        """Create the stream, or return what somebody else has created meanwhile."""
        stream = self.subjects.stream
        [reply] = await self.connection.call([(f"STREAM.CREATE.{stream}", wanted)])
        failure = failure_of(reply)
        if failure and failure.err_code != STREAM_IS_THERE:
            raise translate(failure)
        return await self.connection.api(f"STREAM.INFO.{stream}") if failure else reply

    async def _declare_consumers(self) -> None:
        subjects, lease = self.subjects, self.spec.lease
        configs = [
            *(
                consumer_config(consumer_of(lane), subjects.lane(lane), lease)
                for lane in range(self.spec.lanes)
            ),
            consumer_config(DELAYED_COUNTER, subjects.all(Kind.DELAYED), lease),
            consumer_config(DEAD_COUNTER, subjects.all(Kind.DEAD), lease),
        ]
        missing: list[dict[str, Any]] = []
        for one, info in zip(configs, await self._consumers(configs), strict=True):
            if info is None:
                missing.append(one)
            else:
                verify_consumer(info, one, self.subjects.stream)
        await self._create_consumers(missing)

    async def _consumers(self, configs: Sequence[dict[str, Any]]) -> list[dict[str, Any] | None]:
        """Return what the server has for each consumer, `None` if there is none of its name."""
        verb = f"CONSUMER.INFO.{self.subjects.stream}"
        found: list[dict[str, Any] | None] = []
        for reply in await self.connection.call(
            [(f"{verb}.{one['name']}", None) for one in configs]
        ):
            failure = failure_of(reply)
            if failure and failure.err_code != NO_CONSUMER:
                raise translate(failure)
            found.append(None if failure else reply["config"])
        return found

    async def _create_consumers(self, configs: Sequence[dict[str, Any]]) -> None:
        stream, requests = self.subjects.stream, list[tuple[str, Any]]()
        for one in configs:
            verb = f"CONSUMER.CREATE.{stream}.{one['name']}.{one['filter_subject']}"
            requests.append((verb, {"stream_name": stream, "config": one, "action": "create"}))
        replies = await self.connection.call(requests)
        for one, reply in zip(configs, replies, strict=True):
            if failure := failure_of(reply):
                # Somebody else may have been faster.
                [held] = await self._consumers([one])
                if held is None:
                    raise translate(failure)
                verify_consumer(held, one, stream)

    async def restore(self, error: QueueLost) -> None:
        """Declare the queue again after somebody took it away.

        Of all who notice, the first one restores it and says so. If nothing is missing, it may be
        there and have no leader: who tries again at once must leave time for one to be elected.
        """
        async with self._restoring:
            whole = await self._is_whole()
            if not whole:
                await self.connection.pause(SETTLING)
                await self.declare()
                self._tell_of(error)
        if whole:
            await self.connection.pause(SETTLING)

    def _tell_of(self, error: QueueLost) -> None:
        now = self.connection.now()
        level = logging.ERROR if now - self._said_at > QUIET else logging.DEBUG
        self._said_at = now
        logger.log(
            level,
            "the server had lost the queue, it is declared again",
            extra={"queue": self.spec.name, "error_message": str(error)},
        )

    async def _is_whole(self) -> bool:
        """Tell whether the server has the stream and all of its consumers."""
        [reply] = await self.connection.call([(f"CONSUMER.NAMES.{self.subjects.stream}", None)])
        names = {consumer_of(lane) for lane in range(self.spec.lanes)}
        return {DELAYED_COUNTER, DEAD_COUNTER} | names <= set(reply.get("consumers") or ())

    # asking

    async def api(self, verb: str, body: Any = None, *, of: str = "") -> Any:
        """Ask the JetStream API about this stream, and restore it if it is gone.

        Args:
            verb: Such as `STREAM.INFO`.
            body: To be sent as JSON.
            of: The consumer that is meant.
        """
        request = f"{verb}.{self.subjects.stream}" + (f".{of}" if of else "")
        return await self._insist(lambda: self.connection.api(request, body))

    async def _insist(self, call: Callable[[], Awaitable[T]], tries: int = 2) -> T:
        """Make a call, and restore the queue each time that it is gone, but for the last."""
        for _ in range(tries - 1):
            try:
                return await call()
            except QueueLost as error:
                await self.restore(error)
        return await call()

    async def infos(self, consumers: Sequence[str]) -> list[dict[str, Any]]:
        """Return what the server tells of consumers, and restore them if they are gone."""
        verbs = [(f"CONSUMER.INFO.{self.subjects.stream}.{name}", None) for name in consumers]
        return await self._insist(lambda: self._infos(verbs), TRIES)

    async def _infos(self, verbs: Sequence[tuple[str, Any]]) -> list[dict[str, Any]]:
        replies = await self.connection.call(verbs)
        for reply in replies:
            if failure := failure_of(reply):
                raise translate(failure)
        return replies

    async def get(self, subjects: Sequence[str]) -> list[Stored | None]:
        """Return the last message of each subject, which may have wildcards, from the leader."""
        return await self.fetch([{"last_by_subj": subject} for subject in subjects])

    async def newest(self, job_ids: Sequence[str]) -> list[Stored | None]:
        """Return the last message about each job. What others put there is in its way, and goes."""
        while True:
            found = await self.get([self.subjects.anywhere(job_id) for job_id in job_ids])
            foreign = [one for one in found if one is not None and parse(one.subject) is None]
            if not foreign:
                return found
            facts = {"queue": self.spec.name, "subjects": [one.subject for one in foreign]}
            logger.error("messages of no kind lie under the ids of jobs, deleted", extra=facts)
            await self.delete([one.seq for one in foreign])

    async def fetch(self, wishes: Sequence[dict[str, Any]]) -> list[Stored | None]:
        """Return the message that each wish describes, from the leader."""
        verb = f"STREAM.MSG.GET.{self.subjects.stream}"
        found: list[Stored | None] = []
        for reply in await self.connection.call([(verb, wish) for wish in wishes]):
            failure = failure_of(reply)
            if failure and failure.err_code != NOTHING_FOUND:
                raise translate(failure)
            found.append(None if failure else _stored(reply["message"]))
        return found

    async def delete(self, seqs: Sequence[int]) -> list[bool]:
        """Delete messages. Tell of each whether it was there: only one who deletes it hears yes."""
        verb = f"STREAM.MSG.DELETE.{self.subjects.stream}"
        wishes = [(verb, {"seq": seq, "no_erase": True}) for seq in seqs]
        return [bool(reply.get("success")) for reply in await self.connection.call(wishes)]

    async def publish(self, messages: Sequence[Message]) -> list[PubAck]:
        """Publish messages to the stream. That a fence refuses one is an answer.

        Raises:
            BrokerError: The server could not store one of them.
        """
        return await self._insist(lambda: self._publish(messages))

    async def _publish(
        self, messages: Sequence[Message], ahead: Sequence[Message] = ()
    ) -> list[PubAck]:
        acks = [_ack(reply) for reply in await self.connection.ask(messages, ahead)]
        for ack in acks:
            if ack.error is not None and ack.error.err_code not in REFUSED:
                raise translate(ack.error)
        return acks

    async def publish_together(self, messages: Sequence[Message]) -> PubAck:
        """Publish messages as one: all are stored, or none. Before 2.12 one after the other.

        Returns:
            The answer for the last; a fence of any of them may have refused all.

        Raises:
            BrokerError: The server could not store them.
        """
        if not self.moves_by_itself:
            return await self._publish_in_turn(messages)
        return await self._insist(lambda: self._publish_batch(messages))

    async def _publish_batch(self, messages: Sequence[Message]) -> PubAck:
        batch, last = new_id(), len(messages)
        parts = [
            structs.replace(
                message, headers=(message.headers or {}) | in_batch(batch, number, last)
            )
            for number, message in enumerate(messages, 1)
        ]
        [ack] = await self._publish(parts[-1:], parts[:-1])
        return ack

    async def _publish_in_turn(self, messages: Sequence[Message]) -> PubAck:
        ack = PubAck()
        for message in messages:
            [ack] = await self.publish([message])
            if ack.error is not None:
                break
            reach("nats.batch.part")
        return ack

    async def now(self) -> ServerClock:
        """Return the server's clock after a look at it, unless the last look was just before."""
        if not self.clock.is_fresh(self.connection.now()):
            sent = self.connection.now()
            info = await self.api("STREAM.INFO")
            self.clock.observe(sent, self.connection.now(), info["ts"])
        return self.clock

    async def latest(self) -> float:
        """Return a moment that the server's clock has not passed, in seconds since the epoch."""
        return (await self.now()).latest(self.connection.now())

    async def earliest(self) -> float:
        """Return a moment that the server's clock has reached, in seconds since the epoch."""
        return (await self.now()).earliest(self.connection.now())


def stored_message(msg: Incoming) -> Stored:
    """Read a message that the server sent by request."""
    headers = msg.headers
    return Stored(
        headers["Nats-Subject"],
        int(headers["Nats-Sequence"]),
        msg.data,
        moment_of(headers["Nats-Time-Stamp"]),
    )


def _stored(message: dict[str, Any]) -> Stored:
    data = base64.b64decode(message.get("data", ""))
    return Stored(message["subject"], message["seq"], data, moment_of(message["time"]))


def _ack(msg: Incoming) -> PubAck:
    if not msg.data:
        missing = "no stream takes this subject"
        raise QueueLost(missing)
    return read_ack(msg.data)
