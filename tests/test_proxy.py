"""The proxy does what it says, to connections that echo."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Self

import pytest

from tests.proxy import Proxy


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1000):
            writer.write(data)
    except ConnectionError:
        pass
    finally:
        writer.close()


@pytest.fixture
def multiplexed() -> bool:
    return False


@pytest.fixture
async def proxy(multiplexed: bool) -> AsyncIterator[Proxy]:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with Proxy(server.sockets[0].getsockname()[1], multiplexed=multiplexed) as opened:
        yield opened
    server.close()


class Client:
    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._proxy.port)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.writer.close()

    async def ask(self, data: bytes) -> bytes:
        self.writer.write(data)
        return await self.reader.readexactly(len(data))


async def test_it_passes_everything_on(proxy: Proxy) -> None:
    async with Client(proxy) as client:
        assert await client.ask(b"hello") == b"hello"
        assert await client.ask(b"world") == b"world"
    assert proxy.accepted == 1


async def test_it_takes_its_time(proxy: Proxy) -> None:
    proxy.latency = 0.05
    loop = asyncio.get_running_loop()
    async with Client(proxy) as client:
        began = loop.time()
        await client.ask(b"hello")
        assert round(loop.time() - began, 3) >= 0.1


@pytest.mark.parametrize(("up", "down"), [(True, True), (True, False), (False, True)])
async def test_a_black_hole_keeps_what_is_sent_until_it_heals(
    proxy: Proxy, up: bool, down: bool
) -> None:
    async with Client(proxy) as client:
        proxy.black_hole(up=up, down=down)
        asking = asyncio.create_task(client.ask(b"hello"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await asyncio.shield(asking)
        proxy.heal()
        assert await asking == b"hello"


async def test_it_cuts_all_connections(proxy: Proxy) -> None:
    async with Client(proxy) as one, Client(proxy) as other:
        await one.ask(b"hello")
        await other.ask(b"hello")
        proxy.cut()
        for client in (one, other):
            # The latter comes from uvloop.
            with pytest.raises((ConnectionResetError, RuntimeError)):
                await client.ask(b"hello")


async def test_it_cuts_after_so_many_bytes_of_replies(proxy: Proxy) -> None:
    proxy.cut_after([7, 3])
    for passed in (2, 3):
        async with Client(proxy) as client:
            if passed == 2:
                await client.ask(b"hello")
            with pytest.raises(asyncio.IncompleteReadError) as caught:
                await client.ask(b"world")
            assert len(caught.value.partial) == passed
    async with Client(proxy) as client:
        assert await client.ask(b"hello world") == b"hello world"


async def test_it_swallows_the_reply_that_is_meant(proxy: Proxy) -> None:
    lost = proxy.swallow(request=b"two", reply=b"tw")
    async with Client(proxy) as client:
        assert await client.ask(b"one") == b"one"
        assert not lost.is_set()
        with pytest.raises(ConnectionResetError):
            await client.ask(b"two")
    assert lost.is_set()
    async with Client(proxy) as client:
        assert await client.ask(b"two") == b"two"


@pytest.mark.parametrize("multiplexed", [True])
async def test_it_swallows_a_reply_that_comes_after_other_requests(proxy: Proxy) -> None:
    async with Client(proxy) as client:
        assert await client.ask(b"one") == b"one"
        lost = proxy.swallow(request=b"two", reply=b"one")
        assert await client.ask(b"two") == b"two"
        assert not lost.is_set()
        with pytest.raises(ConnectionResetError):
            await client.ask(b"one")
    assert lost.is_set()


async def test_it_refuses_connections(proxy: Proxy) -> None:
    proxy.refusing = True
    async with Client(proxy) as client:
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await client.ask(b"hello")
