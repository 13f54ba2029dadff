"""Connections that broke, and servers that are gone."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from brokers.redis.tests.conftest import Binary, Start
from headrace.broker import QueueSpec
from headrace.errors import BrokerError
from headrace_redis import RedisBroker
from tests.asking import insisted
from tests.live import Make
from tests.servers import ClusterServer, RedisServer

CALLS, STEPS = 50, 120


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


@pytest.mark.parametrize("kind", ["cluster", "server"])
async def test_no_connection_is_left_of_a_broker_that_is_closed_at_any_step(
    binary: Binary, tmp_path: Path, kind: str
) -> None:
    make_server = ClusterServer if kind == "cluster" else RedisServer
    server = make_server(binary("valkey-9.1"), tmp_path)
    server.start()
    try:
        with server.client() as client:
            for steps in range(0, STEPS, 3):
                broker = RedisBroker(server.url)
                await broker.open()
                call = asyncio.create_task(broker.declare(QueueSpec(name="q")))
                for _ in range(steps):
                    await asyncio.sleep(0)
                await broker.close()
                await asyncio.gather(call, return_exceptions=True)
                # A server hears of it a moment later.
                async with asyncio.timeout(10):
                    while ours(client):
                        await asyncio.sleep(0)
    finally:
        server.stop()


def ours(client: Any) -> list[dict[str, str]]:
    """Return what a server tells of the connections of brokers."""
    return [one for one in client.client_list() if one["name"] == "headrace"]
