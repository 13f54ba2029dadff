"""The short way for messages: what comes is what was sent, also where the driver carries it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from headrace_nats.address import parse_address
from headrace_nats.dialing import options
from headrace_nats.incoming import Incoming
from headrace_nats.lean import LeanClient, Message
from tests.servers import NatsServer

pytestmark = pytest.mark.anyio


@pytest.fixture
async def client(node: NatsServer) -> AsyncIterator[LeanClient]:
    async def ignore(error: Exception) -> None:
        pass

    made = LeanClient()
    await made.connect(**options(parse_address(node.url)), error_cb=ignore)
    yield made
    await made.close()


class Ear:
    """What came on a subject of its own."""

    def __init__(self, client: LeanClient) -> None:
        self.client = client
        self.subject = client.new_inbox()
        self.heard: list[Incoming] = []
        self._came = asyncio.Event()

    def heed(self, msg: Incoming) -> None:
        self.heard.append(msg)
        self._came.set()

    async def wait(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.heard) < count:
                self._came.clear()
                await self._came.wait()


MESSAGES = [
    Message("", b"plain"),
    Message("", b""),
    Message("", b"with headers", {"Nats-Msg-Id": "a", "X": "y z"}),
    Message("", b"", {"X": "y"}),
    Message("", b"a\r\nMSG b 1 2\r\n\x00\xff"),
    Message("", bytes(900_000)),
    Message("", bytes(900_000), {"X": "y"}),
]


@pytest.mark.parametrize("own_way", [False, True])
async def test_messages_arrive_as_they_were_sent(client: LeanClient, own_way: bool) -> None:
    ear = Ear(client)
    await client.listen(ear.subject, ear.heed)
    if own_way:
        client._handlers.clear()
    sent = [Message(ear.subject, one.data, one.headers) for one in MESSAGES]
    await client.send((message, "answers.go.here") for message in sent)
    await client.send([(sent[0], "")])
    await ear.wait(len(sent) + 1)
    assert [one.data for one in ear.heard] == [one.data for one in (*sent, sent[0])]
    assert {one.subject for one in ear.heard} == {ear.subject}
    assert [one.reply for one in ear.heard] == ["answers.go.here"] * len(sent) + [""]
    assert {one.status for one in ear.heard} == {""}


@pytest.mark.parametrize("own_way", [False, True])
async def test_what_the_server_has_to_say_is_told_as_a_status(
    client: LeanClient, own_way: bool
) -> None:
    ear = Ear(client)
    await client.listen(ear.subject, ear.heed)
    if own_way:
        client._handlers.clear()
    await client.send([(Message("nobody.listens.here"), ear.subject)])
    stream = {"Nats-Expected-Stream": "x"}
    await client.send([(Message("nobody.listens.there", b"x", stream), ear.subject)])
    await ear.wait(2)
    assert [(one.status, one.data) for one in ear.heard] == [("503", b"")] * 2


async def test_the_driver_reads_the_headers_of_what_is_sent(client: LeanClient) -> None:
    driver: Any = client
    subscription = await driver.subscribe(client.new_inbox())
    headers = {"Nats-Msg-Id": "a", "X": "y z"}
    await client.send([(Message(subscription.subject, b"body", headers), "")])
    message = await subscription.next_msg(10)
    assert (message.data, message.headers) == (b"body", headers)


async def test_many_messages_keep_their_order(client: LeanClient) -> None:
    ear = Ear(client)
    await client.listen(ear.subject, ear.heed)
    await client.send((Message(ear.subject, b"%d" % number), "") for number in range(5000))
    await ear.wait(5000)
    assert [int(one.data) for one in ear.heard] == list(range(5000))


async def test_who_listens_no_more_hears_no_more(client: LeanClient) -> None:
    ear, other = Ear(client), Ear(client)
    subscription = await client.listen(ear.subject, ear.heed)
    await client.listen(other.subject, other.heed)
    await client.silence(subscription)
    await client.send((Message(one.subject, b"x"), "") for one in (ear, other))
    await other.wait(1)
    assert ear.heard == []
    assert len(client._handlers) == 1


async def test_what_is_sent_on_a_connection_that_is_cut_fails_before_the_driver_notices(
    client: LeanClient,
) -> None:
    cut(client)
    assert client.is_connected
    with pytest.raises(ConnectionResetError):
        await client.send([(Message("a", b"x"), "")])


async def test_a_ping_on_a_connection_that_is_cut_fails_in_silence(client: LeanClient) -> None:
    cut(client)
    driver: Any = client
    driver.options["ping_interval"] = 0
    assert client.is_connected
    await driver._ping_interval()
    assert client.is_connected, "the driver noticed before the ping"


async def test_a_connection_that_is_cut_can_be_closed(client: LeanClient) -> None:
    await client.send([(Message("a", b"x"), "")])
    cut(client)
    await client.close()
    assert client.is_closed


def cut(client: LeanClient) -> None:
    driver: Any = client
    driver._transport._io_writer.transport.abort()
