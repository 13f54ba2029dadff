"""What servers send, in pieces, too much of it, or nothing of the kind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from redis import exceptions as driver
from redis.asyncio import ConnectionPool, Redis

from headrace_redis.connections import Connections

Answer = Callable[[asyncio.StreamWriter, int], Awaitable[None]]
"""Answers the question of a number, counted over all connections from 0."""


class Server:
    """Takes connections, and leaves the answers to a test.

    Attributes:
        connections: How many there were.
        asked: How many questions.
    """

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.connections = 0
        self.asked = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.connections += 1
        while await reader.read(4096):
            self.asked += 1
            await self._answer(writer, self.asked - 1)
        writer.close()


@asynccontextmanager
async def asking(
    answer: Answer, patience: float = 10.0
) -> AsyncGenerator[tuple[Connections, Server]]:
    """Yield connections to a server that answers so."""
    server = Server(answer)
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
        host, port = listening.sockets[0].getsockname()
        pool = ConnectionPool(host=host, port=port, protocol=2, driver_info=None)
        connections = Connections(Redis.from_pool(pool), patience)
        try:
            yield connections, server
        finally:
            await connections.aclose()


async def test_a_reply_in_pieces_is_put_together() -> None:
    async def answer(writer: asyncio.StreamWriter, _: int) -> None:
        for piece in (b"*2\r\n$3\r", b"\nab", b"c\r\n:", b"7\r\n"):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)

    async with asking(answer) as (connections, server):
        for _ in range(3):
            assert await connections.execute_command("QUESTION") == [b"abc", 7]
        assert server.connections == 1


async def test_an_error_is_raised_as_the_drivers_and_the_connection_is_kept() -> None:
    async def answer(writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(b"-NOSCRIPT there is none\r\n" if number == 0 else b"+fine\r\n")

    async with asking(answer) as (connections, server):
        with pytest.raises(driver.NoScriptError):
            await connections.execute_command("QUESTION")
        assert await connections.execute_command("QUESTION") == b"fine"
        assert server.connections == 1


@pytest.mark.parametrize(
    "more", [b"+second\r\n", b"+second", b"+second\r\n+third\r\n"], ids=["reply", "half", "two"]
)
async def test_a_reply_that_nobody_asked_for_is_no_answer_to_the_next_question(more: bytes) -> None:
    async def answer(writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(b"+first\r\n" + more if number == 0 else b"+right\r\n")

    async with asking(answer) as (connections, server):
        assert await connections.execute_command("QUESTION") == b"first"
        assert await connections.execute_command("QUESTION") == b"right"
        assert server.connections == 2


async def test_what_comes_later_than_its_answer_is_no_answer_either() -> None:
    async def answer(writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(b"+first\r\n" if number == 0 else b"+right\r\n")
        if number == 0:
            await writer.drain()
            writer.write(b"+late\r\n")
            sent.set()

    sent = asyncio.Event()
    async with asking(answer) as (connections, _):
        assert await connections.execute_command("QUESTION") == b"first"
        await sent.wait()
        for _ in range(10):
            await asyncio.sleep(0)
        assert await connections.execute_command("QUESTION") == b"right"


async def test_the_answer_to_a_cancelled_question_is_not_given_to_the_next() -> None:
    async def answer(writer: asyncio.StreamWriter, number: int) -> None:
        if number == 0:
            asked.set()
            await cancelled.wait()
            writer.write(b"+wrong\r\n")
        else:
            writer.write(b"+right\r\n")

    asked, cancelled = asyncio.Event(), asyncio.Event()
    async with asking(answer) as (connections, server):
        call = asyncio.create_task(connections.execute_command("QUESTION"))
        await asked.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        cancelled.set()
        assert await connections.execute_command("QUESTION") == b"right"
        assert server.connections == 2


@pytest.mark.parametrize("way", ["garbage", "hung up", "reset"])
async def test_a_connection_that_breaks_fails_its_question_and_no_other(way: str) -> None:
    async def answer(writer: asyncio.StreamWriter, number: int) -> None:
        if number > 0:
            writer.write(b"+right\r\n")
        elif way == "garbage":
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        elif way == "hung up":
            writer.close()
        else:
            writer.transport.abort()

    async with asking(answer) as (connections, server):
        with pytest.raises(driver.InvalidResponse if way == "garbage" else driver.ConnectionError):
            await connections.execute_command("QUESTION")
        assert await connections.execute_command("QUESTION") == b"right"
        assert server.connections == 2


async def test_no_answer_in_time_is_a_timeout_and_the_next_question_has_its_own() -> None:
    async def answer(writer: asyncio.StreamWriter, number: int) -> None:
        if number > 0:
            writer.write(b"+right\r\n")

    async with asking(answer, patience=0.05) as (connections, server):
        with pytest.raises(driver.TimeoutError, match=r"no answer within 0\.05 s"):
            await connections.execute_command("QUESTION")
        assert await connections.execute_command("QUESTION") == b"right"
        assert server.connections == 2
