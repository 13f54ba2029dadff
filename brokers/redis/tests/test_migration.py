"""A cluster moves the slot of a queue to another node while jobs come in and run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from brokers.redis.tests.conftest import Binary
from headrace import JobHandle, JobState, Queue
from headrace.clock import SystemClock
from headrace_redis.keys import queue_prefix
from tests.asking import settled
from tests.ledger import Ledger
from tests.live import Make, Working
from tests.servers import ClusterServer

BETWEEN = 0.05
"""Seconds between two keys: the slot is in two places for a while."""

pytestmark = pytest.mark.anyio


@pytest.fixture
def nodes(binary: Binary, tmp_path: Path) -> Iterator[tuple[ClusterServer, ClusterServer]]:
    """Two nodes; the first one has all slots."""
    with ExitStack() as stack:
        first = ClusterServer(binary("valkey-9.1"), tmp_path / "first")
        stack.callback(first.stop)
        second = ClusterServer(first.binary, tmp_path / "second", first.start())
        stack.callback(second.stop)
        yield first, second.start()


class Migration:
    """Moves a slot as `redis-cli --cluster reshard` does, one key at a time.

    Args:
        nodes: From where and to where.
        queue: Whose slot.
    """

    def __init__(self, nodes: tuple[ClusterServer, ClusterServer], queue: str) -> None:
        self._source, self._target = (node.client() for node in nodes)
        self._port = nodes[1].port
        self._slot: int = self._source.execute_command(
            "CLUSTER", "KEYSLOT", queue_prefix("headrace", queue)
        )

    def open(self) -> None:
        """Let the slot be on its way."""
        source, target = self._id(self._source), self._id(self._target)
        self._target.execute_command("CLUSTER", "SETSLOT", self._slot, "IMPORTING", source)
        self._source.execute_command("CLUSTER", "SETSLOT", self._slot, "MIGRATING", target)

    async def move(self) -> int:
        """Move all keys, those too that come meanwhile. Return how many."""
        moved = 0
        while keys := self._keys(self._source):
            answer = self._source.execute_command(
                "MIGRATE", "127.0.0.1", self._port, keys[0], 0, 5000
            )
            assert answer == "OK"
            moved += 1
            await SystemClock().sleep(BETWEEN)
        return moved

    def close(self) -> None:
        """Let the slot have arrived."""
        self._give(self._slot)

    def introduce(self) -> None:
        """Let the other node have a slot before: clients know only such nodes."""
        self._give(self._slot ^ 1)

    def _give(self, slot: int) -> None:
        target = self._id(self._target)
        for node in (self._target, self._source):
            node.execute_command("CLUSTER", "SETSLOT", slot, "NODE", target)

    @property
    def left(self) -> list[str]:
        """Keys that are still where they were."""
        return self._keys(self._source)

    def _keys(self, node: Any) -> list[str]:
        found: list[str] = node.execute_command("CLUSTER", "GETKEYSINSLOT", self._slot, 10)
        return found

    @staticmethod
    def _id(node: Any) -> str:
        found: str = node.execute_command("CLUSTER", "MYID")
        return found


@pytest.mark.parametrize("known", [False, True])
async def test_every_job_runs_once_though_its_slot_moves(
    nodes: tuple[ClusterServer, ClusterServer],
    make: Make,
    working: Working,
    ledger: Ledger,
    name: str,
    known: bool,
) -> None:
    url, handles = f"{nodes[0].url}?timeout=5", list[JobHandle[Any]]()
    migration = Migration(nodes, name)
    if known:
        migration.introduce()
    async with make(url) as queue, make(url) as producer:
        await later(producer, -1, 0.5)
        async with working(queue, concurrency=5) as worker:
            producing = asyncio.create_task(produce(producer, handles))
            await some_more(handles)
            migration.open()
            async with asyncio.timeout(30):
                assert await migration.move()
            migration.close()
            await some_more(handles)
            producing.cancel()
            await asyncio.wait([producing])
            await settled(queue)
            assert worker.tally.lost == 0
        assert migration.left == []
        states = [await handle.status() for handle in handles]
        assert set(states) == {JobState.SUCCEEDED}
        assert set(ledger.started.values()) == {1}


async def produce(queue: Queue, handles: list[JobHandle[Any]]) -> None:
    """Enqueue one after the other, some for later, and note what was accepted."""
    number = 0
    while True:
        handles.append(await later(queue, number, 0.2 if number % 3 == 0 else 0.0))
        number += 1


async def later(queue: Queue, number: int, seconds: float) -> JobHandle[Any]:
    return await queue.enqueue(queue.tasks["work"].options(delay=seconds), number)


async def some_more(handles: list[JobHandle[Any]]) -> None:
    """Wait until some jobs more were accepted."""
    before = len(handles)
    async with asyncio.timeout(30):
        while len(handles) < before + 50:
            await asyncio.sleep(0)
