"""The way to the server: requests in batches, over one inbox."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeAlias

import msgspec
from nats.aio.subscription import Subscription

from headrace.clock import Clock
from headrace.deadlines import Deadlines
from headrace.errors import AuthFailed, BrokerError, OutcomeUnknown, Unavailable
from headrace_nats.address import Address
from headrace_nats.dialing import options
from headrace_nats.errors import mapped, translate
from headrace_nats.incoming import Incoming
from headrace_nats.lean import LeanClient, Message
from headrace_nats.replies import Page, Pending, Replies
from headrace_nats.wire import Failure, read_answer

logger: logging.Logger = logging.getLogger("headrace.nats")

NO_RESPONDERS = "503"
NOBODY = "nobody answers: JetStream is off, or its servers are away"

REFUSAL = re.compile("authorization|authentication|credentials|user_?jwt", re.IGNORECASE)
"""The driver has no class of its own for most of what a server says to a stranger."""

DENIAL = re.compile(r'permissions violation for (publish|subscription) to "([^"]*)"')
"""The driver tells it in small letters."""

Reply: TypeAlias = Any
"""What the server answers as JSON."""


class Connection:
    """One connection, which comes back by itself.

    Replies that were under way when it broke are lost: who waits for one is told at once. While it
    is away nothing is sent, and nothing is kept to be sent later.

    Args:
        address: Where the server is.
        clock: For the moments at which requests were sent.
    """

    def __init__(self, address: Address, clock: Clock) -> None:
        self._address = address
        self._clock = clock
        self._client: LeanClient | None = None
        self._inbox = ""
        self._number = 0
        self._deadlines = Deadlines(address.timeout)
        self._waiting: dict[str, tuple[Pending, int]] = {}
        self._askers: dict[int, tuple[set[str], Callable[[AuthFailed], None]]] = {}
        self._deaf: AuthFailed | None = None
        self._refused = ""
        self.on_reconnect: list[Callable[[], None]] = []

    async def open(self) -> None:
        """Connect.

        Raises:
            Unavailable: No server answers in time.
            AuthFailed: It does not know us, or does not let us hear its answers.
        """
        trouble: list[Exception] = []

        async def note(error: Exception) -> None:
            trouble.append(error)
            self._note(error)

        client = LeanClient()
        try:
            with mapped():
                async with asyncio.timeout(self._address.timeout):
                    await client.connect(
                        **options(self._address),
                        error_cb=note,
                        disconnected_cb=self._disconnected,
                        reconnected_cb=self._reconnected,
                        closed_cb=self._closed,
                    )
        except OutcomeUnknown as error:
            # The driver tries on, and tells why only here.
            await client.close()
            reason = trouble[-1] if trouble else error
            kind = AuthFailed if self._refused else Unavailable
            message = f"{self._address.url}: {type(reason).__name__}: {reason}"
            raise kind(message) from error
        self._client = client
        self._inbox = client.new_inbox()
        with mapped():
            await client.listen(f"{self._inbox}.*", self._answered)
            # The server denies a subscription before it answers this.
            async with asyncio.timeout(self._address.timeout):
                await client.catch_up()
        if self._deaf is not None:
            raise self._deaf

    async def close(self) -> None:
        """Disconnect."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()
        self._deadlines.close()

    @property
    def client(self) -> LeanClient:
        """The driver's client, while it is connected.

        Raises:
            Unavailable: It is not.
            AuthFailed: It is not, because the server does not know us any more; or the server does
                not let us hear its answers.
        """
        if self._deaf is not None:
            raise self._deaf
        if self._client is None or not self._client.is_connected:
            if self._refused:
                message = f"{self._address.url}: {self._refused}"
                raise AuthFailed(message)
            message = f"{self._address.url}: not connected"
            raise Unavailable(message)
        return self._client

    @property
    def version(self) -> tuple[int, int]:
        """The server's, as far as features go."""
        version = self.client.connected_server_version
        return version.major, version.minor

    # what the driver tells

    def _note(self, error: Exception) -> None:
        text = str(error)
        logger.debug("the connection had an error", extra={"error_message": text})
        if denial := DENIAL.search(text):
            self._deny(*denial.groups())
        elif REFUSAL.search(text):
            self._refused = text

    def _deny(self, what: str, subject: str) -> None:
        """Let nobody wait for what cannot come: a request that is denied has no other answer."""
        if what == "subscription":
            if self._inbox and subject == f"{self._inbox}.*".lower():
                self._deaf = self._not_allowed("subscribe to", f"{self._inbox}.*")
                self._forsake(self._deaf)
            return
        for subjects, fail in list(self._askers.values()):
            for asked in subjects:
                if asked.lower() == subject:
                    fail(self._not_allowed("publish to", asked))

    def _not_allowed(self, what: str, subject: str) -> AuthFailed:
        return AuthFailed(f"{self._address.url}: not allowed to {what} {subject}")

    @contextmanager
    def asking(self, subjects: set[str], fail: Callable[[AuthFailed], None]) -> Generator[None]:
        """Hear within a block that the server does not allow one of the subjects."""
        self._number += 1
        key = self._number
        self._askers[key] = subjects, fail
        try:
            yield
        finally:
            del self._askers[key]

    async def _disconnected(self) -> None:
        if self._client is not None:
            logger.warning("connection lost", extra={"broker": self._address.url})
        self._deaf = None
        self._forsake()

    async def _reconnected(self) -> None:
        logger.info("connected again", extra={"broker": self._address.url})
        self._refused = ""
        self._forsake()
        for heed in self.on_reconnect:
            heed()

    async def _closed(self) -> None:
        if self._client is not None:
            logger.error("connection closed for good", extra={"broker": self._address.url})
        self._forsake()

    def _forsake(self, reason: BrokerError | None = None) -> None:
        error = reason or OutcomeUnknown("the connection broke before the reply came")
        waiting, self._waiting = self._waiting, {}
        for pending, _ in waiting.values():
            pending.fail(error)

    def _answered(self, msg: Incoming) -> None:
        waiting = self._waiting.get(msg.subject)
        if waiting is not None:
            pending, index = waiting
            if pending.put(index, msg):
                del self._waiting[msg.subject]

    # asking

    async def _connected(self) -> LeanClient:
        try:
            return self.client
        except BrokerError:
            # Who tries again at once must leave time for the connection to come back.
            await self._clock.sleep(0.0)
            raise

    async def ask(
        self, messages: Sequence[Message], ahead: Sequence[Message] = ()
    ) -> list[Incoming]:
        """Publish messages and return the reply to each, in order.

        Args:
            messages: That are answered.
            ahead: That go before them and are not.

        Raises:
            Unavailable: Nothing was sent.
            OutcomeUnknown: Not every reply came.
            AuthFailed: The server does not allow one of the subjects.
        """
        if not messages:
            return []
        client, pending = await self._connected(), Replies(len(messages))
        subjects = [self._expect(pending, index) for index in range(len(messages))]
        asked = {message.subject for message in (*ahead, *messages)}
        sent = (*((message, "") for message in ahead), *zip(messages, subjects, strict=True))
        await self._await(client, pending, asked, sent)
        return [msg for msg in pending.replies if msg is not None]

    async def _await(
        self,
        client: LeanClient,
        pending: Pending,
        asked: set[str],
        sent: Sequence[tuple[Message, str]],
    ) -> None:
        """Send requests, each with the subject for its replies, until all of those are there."""
        number = self._deadlines.add(partial(pending.fail, TimeoutError()))
        try:
            with mapped(), self.asking(asked, pending.fail):
                await client.send(sent)
                await pending.all_there
        finally:
            self._deadlines.remove(number)
            for _, reply in sent:
                self._waiting.pop(reply, None)

    def _expect(self, pending: Pending, index: int) -> str:
        self._number += 1
        subject = f"{self._inbox}.{self._number}"
        self._waiting[subject] = pending, index
        return subject

    async def tell(self, messages: Sequence[Message]) -> None:
        """Publish what nobody answers.

        Raises:
            Unavailable: It may not all have been sent.
        """
        if not messages:
            return
        client = await self._connected()
        with mapped():
            await client.send((message, "") for message in messages)

    async def call(self, verbs: Sequence[tuple[str, Any]]) -> list[Reply]:
        """Ask the JetStream API several things at once; see `api`. Errors are answers here."""
        requests = [
            Message(f"$JS.API.{verb}", msgspec.json.encode(body) if body is not None else b"")
            for verb, body in verbs
        ]
        return [_read(reply) for reply in await self.ask(requests)]

    async def api(self, verb: str, body: Any = None) -> Reply:
        """Ask the JetStream API.

        Args:
            verb: Such as `STREAM.INFO.name`.
            body: To be sent as JSON.

        Raises:
            BrokerError: As `errors` has it for what the server answers.
        """
        [reply] = await self.call([(verb, body)])
        if failure := failure_of(reply):
            raise translate(failure)
        return reply

    async def collect(self, verb: str, body: Any) -> list[Incoming]:
        """Ask the API for messages: all that come before the one that says it is the last.

        Raises:
            OutcomeUnknown: They did not all come.
            AuthFailed: The server does not allow the question.
        """
        client, page = await self._connected(), Page()
        question = Message(f"$JS.API.{verb}", msgspec.json.encode(body))
        inbox = self._expect(page, 0)
        await self._await(client, page, {question.subject}, [(question, inbox)])
        return page.messages

    async def listen(self, subject: str, heed: Callable[[Incoming], None]) -> Subscription:
        """Subscribe; it lasts through reconnects.

        Raises:
            Unavailable: It is not connected.
        """
        client = await self._connected()
        with mapped():
            return await client.listen(subject, heed)

    async def silence(self, subscription: Subscription) -> None:
        """Listen no more.

        Raises:
            Unavailable: The server was not told; it forgets with the connection.
        """
        with mapped():
            await self.client.silence(subscription)

    async def send(self, subject: str, data: bytes, reply: str) -> None:
        """Publish a request whose replies come where somebody listens.

        Raises:
            Unavailable: It was not sent.
        """
        client = await self._connected()
        with mapped():
            await client.send([(Message(subject, data), reply)])

    @property
    def is_connected(self) -> bool:
        """Whether there is a server at the other end, as far as is known."""
        return self._client is not None and self._client.is_connected

    def inbox(self) -> str:
        """Return a subject that nobody else has."""
        return self.client.new_inbox()

    def now(self) -> float:
        """Return the moment, by the client's clock."""
        return self._clock.monotonic()

    async def pause(self, seconds: float) -> None:
        """Wait, by the client's clock."""
        await self._clock.sleep(seconds)


def failure_of(reply: Reply) -> Failure | None:
    """Return the error in an answer of the API, if it is one."""
    error = reply.get("error")
    return msgspec.convert(error, Failure) if error else None


def _read(msg: Incoming) -> Reply:
    if not msg.data:
        code = int(msg.status) if msg.status.isdecimal() else 0
        return {"error": {"code": code, "description": NOBODY}}
    return read_answer(msg.data)
