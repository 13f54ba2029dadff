"""Connections that broke, and servers that are gone."""

from __future__ import annotations

import asyncio

import pytest

from brokers.redis.tests.conftest import Start
from headrace.errors import BrokerError
from tests.asking import insisted
from tests.live import Make

CALLS = 50


async def test_who_calls_again_and_again_does_not_hammer_at_a_server_that_is_gone(
    start: Start, make: Make
) -> None:
    server = start()
    knocks = 0

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal knocks
        knocks += 1
        writer.close()

    async with make(server.url) as queue:
        server.kill()
        door = await asyncio.start_server(hang_up, "127.0.0.1", server.port)
        async with door:
            for _ in range(CALLS):
                with pytest.raises(BrokerError):
                    await queue.stats()
        assert 0 < knocks < CALLS / 2
        server.start()
        await insisted(queue)
