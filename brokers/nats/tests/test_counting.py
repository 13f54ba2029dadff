"""What is counted while it moves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from brokers.nats.tests.conftest import Connect, Start
from headrace.broker import QueueSpec
from headrace.ids import new_id
from headrace.testing.conformance.lab import job
from headrace_nats import counting
from headrace_nats.mover import Mover
from headrace_nats.queue import NatsQueue
from headrace_nats.subjects import DELAYED_COUNTER

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def workers_move_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NatsQueue, "moves_by_itself", False)


@pytest.mark.parametrize("looks", [1, 3])
async def test_a_job_that_a_worker_moves_between_two_looks_is_counted_once(
    monkeypatch: pytest.MonkeyPatch, start: Start, connect: Connect, looks: int
) -> None:
    monkeypatch.setattr(counting, "LOOKS", looks)
    broker, spec = await connect(start().url), QueueSpec(name=new_id(), lease=30.0, lanes=2)
    await broker.declare(spec)
    await broker.enqueue(spec.name, [job("a", delay=2.0)], batch=new_id())
    infos, movers = NatsQueue.infos, list[Mover]()

    async def move(queue: NatsQueue, until: tuple[int, int]) -> None:
        """Move what is due, until so many wait and so many were seen."""
        counts = None
        while counts != until:
            await movers[0].move()
            [delayed] = await infos(queue, [DELAYED_COUNTER])
            counts = delayed["num_pending"], delayed["num_ack_pending"]

    async def move_behind_lanes(queue: NatsQueue, names: Sequence[str]) -> list[dict[str, Any]]:
        if not movers:
            movers.append(Mover(queue))
            await move(queue, until=(0, 1))
        found = await infos(queue, names)
        if DELAYED_COUNTER not in names:
            await move(queue, until=(0, 0))
        return found

    monkeypatch.setattr(NatsQueue, "infos", move_behind_lanes)
    async with asyncio.timeout(10):
        counted = await broker.stats(spec.name)
    await movers[0].close()
    # The last look has to do, and sees it where it was.
    assert (sum(counted.ready), counted.delayed) == ((0, 1) if looks == 1 else (1, 0))
