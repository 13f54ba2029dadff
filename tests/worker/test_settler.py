from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest

from headrace import JobState, MemoryBroker, OutcomeUnknown, Rejected, Unavailable
from headrace.broker import QueueSpec
from headrace.ids import new_id
from headrace.job import Lease, NewJob
from headrace.outcome import Dead, Done, Outcome, Release, Reschedule
from headrace.testing import FaultyBroker, ManualClock
from headrace.worker.pulse import Pulse
from headrace.worker.run import Run
from headrace.worker.settler import BATCH_BYTES, Settler
from headrace.worker.tally import Tally
from tests.conftest import records_of


class Bench:
    def __init__(self, broker: MemoryBroker) -> None:
        self.broker = FaultyBroker(broker)
        self.held: set[Run] = set()
        self.tally = Tally()
        self.changed = Pulse(broker.clock)
        self.settler = Settler(self.broker, "q", self.held, self.tally, self.changed)

    async def runs(self, count: int) -> list[Run]:
        jobs = [NewJob(id=new_id(), body=b"") for _ in range(count)]
        await self.broker.enqueue("q", jobs, batch=new_id())
        runs = [Run(lease) for lease in await self.broker.claim("q", "worker", count, 0)]
        self.held.update(runs)
        return runs

    async def state(self, run: Run) -> JobState | None:
        [info] = await self.broker.lookup("q", [run.lease.id])
        return None if info is None else info.state


@pytest.fixture
async def bench(broker: MemoryBroker) -> Bench:
    await broker.open()
    await broker.declare(QueueSpec(name="q"))
    return Bench(broker)


async def test_outcomes_that_come_together_are_settled_together(bench: Bench) -> None:
    runs = await bench.runs(5)
    for run in runs:
        bench.settler.put(run, Done(run.lease))
    assert bench.settler.pending == 5
    await bench.settler.drain()
    assert bench.broker.calls["settle"] == 1
    assert (bench.settler.pending, bench.held, bench.tally.succeeded) == (0, set(), 5)


async def test_a_call_has_no_more_outcomes_than_the_contract_allows(bench: Bench) -> None:
    for run in await bench.runs(501):
        bench.settler.put(run, Done(run.lease))
    await bench.settler.drain()
    assert (bench.broker.calls["settle"], bench.tally.succeeded) == (2, 501)


async def test_a_call_has_no_more_bytes_than_a_server_takes(bench: Bench) -> None:
    large, note = b"x" * (BATCH_BYTES // 2), b"y" * (BATCH_BYTES // 2)
    runs = await bench.runs(8)
    makes: list[Callable[[Lease], Outcome]] = [
        lambda lease: Done(lease, large, 60),
        lambda lease: Reschedule(lease, 60, 1, note),
        lambda lease: Dead(lease, "why", note, 1, large, 60),  # too much by itself, and goes alone
        Release,
    ]
    for run, make in zip(runs, [*makes, *makes], strict=True):
        bench.settler.put(run, make(run.lease))
    await bench.settler.drain()
    # done and retried; dead, and given back; the same again: the two given back weigh nothing.
    assert bench.broker.calls["settle"] == 4
    assert (bench.settler.pending, bench.held) == (0, set())
    assert (bench.tally.succeeded, bench.tally.dead, bench.tally.lost) == (2, 2, 0)


@pytest.mark.parametrize("refused", [False, True])
async def test_what_is_settled_or_given_up_makes_room_for_more(bench: Bench, refused: bool) -> None:
    [run] = await bench.runs(1)
    if refused:
        bench.broker.fail("settle", Rejected("nobody", "no"))
    waiting = asyncio.create_task(bench.changed.until(lambda: run not in bench.held))
    await asyncio.sleep(0)
    bench.settler.put(run, Done(run.lease))
    await bench.settler.drain()
    async with asyncio.timeout(5):
        await waiting


async def test_a_run_is_held_until_it_is_settled(bench: Bench, clock: ManualClock) -> None:
    [run] = await bench.runs(1)
    bench.broker.hold("settle")
    bench.settler.put(run, Release(run.lease))
    await clock.settle()
    assert bench.held == {run}, "its lease must be renewed meanwhile"
    bench.broker.let_go("settle")
    await bench.settler.drain()
    assert bench.held == set()


@pytest.mark.parametrize("applied", [False, True])
async def test_a_lost_reply_settles_once(
    bench: Bench, clock: ManualClock, applied: bool, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = await bench.runs(2)
    bench.broker.fail("settle", OutcomeUnknown("lost"), times=3, applied=applied)
    with caplog.at_level(logging.INFO, "headrace"):
        bench.settler.put(first, Done(first.lease, b"result", 60))
        bench.settler.put(second, Reschedule(second.lease, 0, 1, b""))
        await clock.advance(5)
        await bench.settler.drain()
    assert await bench.state(first) is JobState.SUCCEEDED
    assert await bench.state(second) is JobState.QUEUED
    assert (await bench.broker.stats("q")).ready == (1, 0, 0)
    assert bench.broker.calls["settle"] == 4
    trouble = [
        record.getMessage() for record in records_of(caplog) if "broker" in record.getMessage()
    ]
    assert trouble == ["broker trouble, trying again", "broker is well again"]
    blamed = [record for record in records_of(caplog) if "another worker" in record.getMessage()]
    assert blamed == [], "after a lost reply nobody knows that another worker has the job"


async def test_it_never_gives_up_on_a_broker(bench: Bench, clock: ManualClock) -> None:
    [run] = await bench.runs(1)
    bench.broker.fail("settle", Unavailable("down"), times=100)
    bench.settler.put(run, Done(run.lease, b"result", 3600))
    await clock.advance(600)
    await bench.settler.drain()
    assert await bench.state(run) is JobState.SUCCEEDED


async def test_what_a_plug_in_leaks_is_trouble_too(bench: Bench, clock: ManualClock) -> None:
    [run] = await bench.runs(1)
    bench.broker.fail("settle", ZeroDivisionError())
    bench.settler.put(run, Done(run.lease, b"result", 60))
    await clock.advance(1)
    await bench.settler.drain()
    assert await bench.state(run) is JobState.SUCCEEDED


async def test_a_run_that_another_worker_has_is_let_go(bench: Bench) -> None:
    [run] = await bench.runs(1)
    bench.settler.put(run, None)
    await bench.settler.drain()
    assert (bench.held, bench.tally.lost, bench.settler.pending) == (set(), 1, 0)
    assert bench.broker.calls["settle"] == 0


async def test_an_outcome_that_comes_too_late_is_told(
    bench: Bench, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    [run] = await bench.runs(1)
    await clock.advance(31)
    await bench.broker.claim("q", "other", 1, 0)
    with caplog.at_level(logging.WARNING, "headrace"):
        bench.settler.put(run, Release(run.lease))
        await bench.settler.drain()
    assert (bench.tally.lost, bench.tally.released, bench.held) == (1, 0, set())
    [record] = records_of(caplog)
    assert record.getMessage() == "outcome came too late, another worker has the job"
    assert vars(record)["job_id"] == run.lease.id


async def test_an_outcome_that_is_refused_for_good_becomes_a_dead_letter(
    bench: Bench, clock: ManualClock
) -> None:
    good, bad = await bench.runs(2)
    bench.broker.fail("settle", Rejected(bad.lease.id, "result too large"))
    bench.settler.put(good, Done(good.lease, b"result", 60))
    bench.settler.put(bad, Done(bad.lease, b"x" * 100, 60))
    await bench.settler.drain()
    assert await bench.state(good) is JobState.SUCCEEDED
    [letter] = await bench.broker.dead("q")
    assert letter.id == bad.lease.id
    assert letter.reason == "its outcome was refused: result too large"
    assert (bench.tally.succeeded, bench.tally.dead) == (1, 1)


@pytest.mark.parametrize("result", [b"failure", None])
async def test_a_dead_letter_that_is_refused_is_tried_once_more_without_its_result(
    bench: Bench, result: bytes | None
) -> None:
    [run] = await bench.runs(1)
    bench.broker.fail("settle", Rejected(run.lease.id, "too large"))
    bench.settler.put(run, Dead(run.lease, "why", b"", 1, result, 60))
    await bench.settler.drain()
    reasons = [letter.reason for letter in await bench.broker.dead("q")]
    assert reasons == (["its outcome was refused: too large"] if result else [])
    assert (bench.tally.dead, bench.tally.lost) == ((1, 0) if result else (0, 1))


@pytest.mark.parametrize("named", [True, False])
async def test_what_cannot_even_be_buried_is_left_to_its_lease(
    bench: Bench, named: bool, caplog: pytest.LogCaptureFixture
) -> None:
    [run] = await bench.runs(1)
    bench.broker.fail("settle", Rejected(run.lease.id if named else "nobody", "no"), times=2)
    with caplog.at_level(logging.ERROR, "headrace"):
        bench.settler.put(run, Dead(run.lease, "why", b"", 1, b"failure", 60))
        await bench.settler.drain()
    assert (bench.held, bench.settler.pending, bench.tally.lost) == (set(), 0, 1)
    assert [record.getMessage() for record in records_of(caplog)] == ["outcome cannot be settled"]
    assert await bench.state(run) is JobState.RUNNING
