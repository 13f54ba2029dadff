from __future__ import annotations

import asyncio

from headrace.batcher import Batcher
from headrace.testing import ManualClock


class Recorder:
    """A flush that takes as long as the test wants."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def flush(self, batch: list[int]) -> None:
        self.batches.append(batch)
        await self.gate.wait()


async def test_what_is_added_in_one_round_is_one_batch() -> None:
    recorder = Recorder()
    batcher = Batcher(recorder.flush, limit=100, name="test")
    for number in range(5):
        batcher.add(number)
    await batcher.drain()
    assert recorder.batches == [[0, 1, 2, 3, 4]]


async def test_what_arrives_during_a_flush_is_the_next_batch(clock: ManualClock) -> None:
    recorder = Recorder()
    recorder.gate.clear()
    batcher = Batcher(recorder.flush, limit=100, name="test")
    batcher.add(0)
    await clock.settle()
    for number in range(1, 4):
        batcher.add(number)
        await clock.settle()
    assert recorder.batches == [[0]], "one flush is in flight"
    recorder.gate.set()
    await batcher.drain()
    assert recorder.batches == [[0], [1, 2, 3]]


async def test_a_batch_is_no_longer_than_the_limit_and_keeps_the_order() -> None:
    recorder = Recorder()
    batcher = Batcher(recorder.flush, limit=3, name="test")
    for number in range(7):
        batcher.add(number)
    await batcher.drain()
    assert recorder.batches == [[0, 1, 2], [3, 4, 5], [6]]


async def test_a_drained_batcher_goes_on() -> None:
    recorder = Recorder()
    batcher = Batcher(recorder.flush, limit=3, name="test")
    await batcher.drain()
    batcher.add(1)
    await batcher.drain()
    batcher.add(2)
    await batcher.drain()
    assert recorder.batches == [[1], [2]]


async def test_a_cancelled_drain_stops_no_flush(clock: ManualClock) -> None:
    recorder = Recorder()
    recorder.gate.clear()
    batcher = Batcher(recorder.flush, limit=3, name="test")
    batcher.add(1)
    draining = asyncio.create_task(batcher.drain())
    await clock.settle()
    draining.cancel()
    await asyncio.wait([draining])
    batcher.add(2)
    recorder.gate.set()
    await batcher.drain()
    assert recorder.batches == [[1], [2]]


async def test_a_flush_that_is_cancelled_before_it_begins_leaves_the_batcher_usable() -> None:
    recorder = Recorder()
    batcher = Batcher(recorder.flush, limit=3, name="test")
    batcher.add(1)
    [flush] = (task for task in asyncio.all_tasks() if task.get_name() == "test")
    flush.cancel()  # as `asyncio.run` does with all tasks when it ends
    async with asyncio.timeout(10):
        await batcher.drain()
        batcher.add(2)
        await batcher.drain()
    assert recorder.batches == [[1, 2]]
