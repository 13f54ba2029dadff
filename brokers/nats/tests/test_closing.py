"""Brokers that are closed while calls are under way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from brokers.nats.tests.conftest import Start
from headrace.broker import QueueSpec
from headrace.job import NewJob
from headrace_nats import NatsBroker

STEPS = 160

CALLS: dict[str, Callable[[NatsBroker], Awaitable[object]]] = {
    "declare": lambda broker: broker.declare(QueueSpec(name="other")),
    "enqueue": lambda broker: broker.enqueue("q", [NewJob(id="1", body=b"")], batch="1"),
    "claim": lambda broker: broker.claim("q", "w", 1, 0.1),
    "lookup": lambda broker: broker.lookup("q", ["none"], wait=0.1),
}


@pytest.mark.parametrize("verb", CALLS)
async def test_no_connection_is_left_of_a_broker_that_is_closed_at_any_step(
    start: Start, verb: str
) -> None:
    server = start()
    for steps in range(0, STEPS, 8):
        broker = NatsBroker(server.url)
        await broker.open()
        await broker.declare(QueueSpec(name="q"))
        call = asyncio.ensure_future(CALLS[verb](broker))
        for _ in range(steps):
            await asyncio.sleep(0)
        async with asyncio.timeout(10):
            await broker.close()
            await asyncio.gather(call, return_exceptions=True)
    # A server hears of it a moment later.
    async with asyncio.timeout(10):
        while server.ask("varz")["connections"]:
            await asyncio.sleep(0)
