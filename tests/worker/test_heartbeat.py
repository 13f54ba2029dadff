from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import TypeVarTuple

import pytest

from headrace import MemoryBroker, OutcomeUnknown, Unavailable
from headrace.broker import QueueSpec
from headrace.ids import new_id
from headrace.job import Lease, NewJob
from headrace.outcome import Done, Release
from headrace.testing import FaultyBroker, ManualClock
from headrace.worker.heartbeat import Heartbeat, due, overdue, renewal_interval
from headrace.worker.run import CancelReason, Run
from tests.conftest import records_of

LEASE = 30.0

Ts = TypeVarTuple("Ts")


class Bench:
    def __init__(self, broker: MemoryBroker) -> None:
        self.broker = FaultyBroker(broker)
        self.held: set[Run] = set()
        self.heartbeat = Heartbeat(self.broker, "q", LEASE, self.held)

    async def run(self) -> Run:
        await self.broker.enqueue("q", [NewJob(id=new_id(), body=b"")], batch=new_id())
        [lease] = await self.broker.claim("q", "worker", 1, 0)
        run = Run(lease)
        self.held.add(run)
        return run


@pytest.fixture
async def bench(broker: MemoryBroker) -> AsyncIterator[Bench]:
    await broker.open()
    await broker.declare(QueueSpec(name="q", lease=LEASE))
    made = Bench(broker)
    beating = asyncio.create_task(made.heartbeat.run())
    yield made
    beating.cancel()
    await asyncio.wait([beating])
    assert beating.cancelled(), "it never ends by itself"


def run_at(deadline: float) -> Run:
    return Run(Lease("q", "42", b"", b"", 0, 0, 1, 1, deadline, None))


def test_only_leases_of_some_age_are_renewed() -> None:
    assert (renewal_interval(30.0), renewal_interval(6.0)) == (3.0, 2.0)
    young, old = run_at(29.0), run_at(27.0)
    assert due([young, old], now=0.0, lease=30.0) == [old]


def test_what_is_lost_or_let_go_is_not_renewed() -> None:
    lost, stuck, cancelled = run_at(1.0), run_at(1.0), run_at(1.0)
    lost.cancel(CancelReason.LEASE_LOST)
    stuck.let_go_at = 5.0
    cancelled.cancel(CancelReason.SHUTDOWN)
    assert due([lost, stuck, cancelled], now=4.9, lease=30.0) == [stuck, cancelled]
    assert due([lost, stuck, cancelled], now=5.0, lease=30.0) == [cancelled]


def test_what_has_ended_is_stopped_once() -> None:
    held, ended, stopped, told = run_at(5.1), run_at(5.0), run_at(1.0), run_at(1.0)
    stopped.cancel(CancelReason.TIMEOUT)
    told.let_go_at = 1.5
    assert overdue([held, ended, stopped, told], now=5.0) == [ended]


async def test_a_long_job_keeps_its_lease(bench: Bench, clock: ManualClock) -> None:
    run = await bench.run()
    await clock.advance(10 * LEASE)
    assert run.reason is None
    assert run.lease.deadline > clock.monotonic() + LEASE / 2
    assert await bench.broker.claim("q", "other", 1, 0) == []
    assert bench.broker.calls["renew"] <= 110


async def test_a_short_job_costs_no_renewal(bench: Bench, clock: ManualClock) -> None:
    run = await bench.run()
    await clock.advance(2.5)
    bench.held.discard(run)
    await clock.advance(60)
    assert bench.broker.calls["renew"] == 0


async def test_a_lost_lease_stops_its_job(
    bench: Bench, clock: ManualClock, broker: MemoryBroker, caplog: pytest.LogCaptureFixture
) -> None:
    run = await bench.run()
    bench.broker.hold("renew")
    await clock.advance(LEASE + 0.1)
    await broker.claim("q", "other", 1, 0)
    with caplog.at_level(logging.WARNING, "headrace"):
        bench.broker.let_go("renew")
        await clock.advance(5)
    assert run.reason is CancelReason.LEASE_LOST
    [record] = [record for record in records_of(caplog) if record.getMessage() == "lease lost"]
    assert vars(record)["job_id"] == run.lease.id


async def test_a_lease_that_could_not_be_renewed_in_time_stops_its_job(
    bench: Bench, clock: ManualClock
) -> None:
    run = await bench.run()
    bench.broker.fail("renew", Unavailable("down"), times=1_000)
    await clock.advance(LEASE - 1)
    assert run.reason is None
    await clock.advance(2.5)
    assert run.reason is CancelReason.LEASE_LOST


async def test_a_short_outage_loses_nothing(bench: Bench, clock: ManualClock) -> None:
    run = await bench.run()
    bench.broker.fail("renew", Unavailable("down"), times=5)
    await clock.advance(3 * LEASE)
    assert run.reason is None


async def test_each_outage_is_told_and_its_end_too(
    bench: Bench, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.run()
    with caplog.at_level(logging.INFO, "headrace"):
        for _ in range(2):
            bench.broker.fail("renew", Unavailable("down"), times=2)
            await clock.advance(LEASE)
    messages = [record.getMessage() for record in records_of(caplog)]
    assert messages == ["broker trouble, trying again", "broker is well again"] * 2


async def test_a_renewal_has_a_third_of_the_lease_for_its_answer(
    broker: MemoryBroker, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await broker.open()
    await broker.declare(QueueSpec(name="q", lease=LEASE))
    bench, limits = Bench(broker), list[float]()
    await bench.run()
    clock.jump(LEASE / 2)
    at_once = asyncio.timeout(0)

    def timeout(seconds: float) -> asyncio.Timeout:
        limits.append(seconds)
        return at_once

    monkeypatch.setattr(asyncio, "timeout", timeout)
    bench.broker.hold("renew")
    with pytest.raises(OutcomeUnknown, match=f"within {LEASE / 3:.3g} s"):
        await bench.heartbeat.beat()
    assert limits == [LEASE / 3]


async def test_what_a_plug_in_leaks_does_not_stop_the_beat(
    bench: Bench, clock: ManualClock
) -> None:
    run = await bench.run()
    bench.broker.fail("renew", ZeroDivisionError(), times=2)
    await clock.advance(3 * LEASE)
    assert run.reason is None


async def test_a_clock_that_jumps_past_the_lease_loses_nothing_that_nobody_took(
    bench: Bench, clock: ManualClock
) -> None:
    """After a blocked event loop the first thing is to renew, not to give up."""
    run = await bench.run()
    clock.jump(2 * LEASE)
    await clock.advance(2)
    assert run.reason is None
    assert run.lease.deadline > clock.monotonic()


async def test_a_cancellation_arrives_within_seconds(
    bench: Bench, clock: ManualClock, broker: MemoryBroker
) -> None:
    run = await bench.run()
    await broker.cancel("q", [run.lease.id])
    await clock.advance(5)
    assert run.reason is CancelReason.CANCELLED


async def test_a_job_that_ignores_its_cancellation_is_let_go_after_a_lease(
    bench: Bench, clock: ManualClock, broker: MemoryBroker
) -> None:
    run = await bench.run()
    run.cancel(CancelReason.TIMEOUT)
    await clock.advance(LEASE)
    assert await broker.claim("q", "other", 1, 0) == []
    await clock.advance(LEASE / 2)
    assert await broker.claim("q", "other", 1, 0) == [], "it was renewed for a lease"
    await clock.advance(2 * LEASE)
    assert [lease.id for lease in await broker.claim("q", "other", 1, 0)] == [run.lease.id]


async def test_a_run_that_ended_meanwhile_is_left_alone(
    bench: Bench, clock: ManualClock, broker: MemoryBroker
) -> None:
    run = await bench.run()
    bench.broker.hold("renew")
    await clock.advance(4)
    bench.held.discard(run)
    await clock.advance(LEASE)
    await broker.claim("q", "other", 1, 0)
    bench.broker.let_go("renew")
    await clock.advance(1)
    assert run.reason is None


async def test_a_run_that_is_being_settled_is_not_called_lost(
    bench: Bench, clock: ManualClock, broker: MemoryBroker, caplog: pytest.LogCaptureFixture
) -> None:
    run = await bench.run()
    run.finish()
    await broker.settle([Done(run.lease)])
    with caplog.at_level(logging.WARNING, "headrace"):
        await clock.advance(5)
    assert bench.broker.calls["renew"] > 0
    assert (run.reason, records_of(caplog)) == (None, [])


# beside the worker's event loop


async def test_a_loss_is_told_once_to_a_loop_that_does_not_hear(
    broker: MemoryBroker, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    posted: list[tuple[object, ...]] = []

    def post(function: Callable[[*Ts], object], /, *args: *Ts) -> None:
        posted.append((function, *args))

    await broker.open()
    await broker.declare(QueueSpec(name="q", lease=LEASE))
    bench = Bench(broker)
    bench.heartbeat = Heartbeat(bench.broker, "q", LEASE, bench.held, post)
    lost, late = await bench.run(), await bench.run()
    await broker.settle([Release(lost.lease)])
    with caplog.at_level(logging.WARNING, "headrace"):
        await bench.heartbeat.beat()
        assert posted == [], "they are young"
        await clock.advance(4)
        await bench.heartbeat.beat()
        bench.broker.fail("renew", Unavailable("down"), times=1_000)
        beating = asyncio.create_task(bench.heartbeat.run())
        await clock.advance(3 * LEASE)
        beating.cancel()
    assert posted == [(run.cancel, CancelReason.LEASE_LOST) for run in (lost, late)]
    reasons = [vars(record).get("reason") for record in records_of(caplog)]
    assert reasons == ["another worker has it", None, "it could not be renewed in time"]


async def test_while_leases_are_let_go_nothing_is_decided(
    broker: MemoryBroker, clock: ManualClock
) -> None:
    wanted: list[bool] = []
    await broker.open()
    await broker.declare(QueueSpec(name="q", lease=LEASE))
    bench = Bench(broker)
    runs = [await bench.run() for _ in range(2)]
    beating = asyncio.create_task(bench.heartbeat.run(lambda: bool(wanted)))
    await clock.advance(LEASE + 1)
    assert bench.broker.calls["renew"] == 0
    assert [run.reason for run in runs] == [None, None]
    assert len(await broker.claim("q", "other", 2, 0)) == 2
    wanted.append(True)
    await clock.advance(1)
    assert [run.reason for run in runs] == [CancelReason.LEASE_LOST] * 2
    beating.cancel()


async def test_catching_up_does_not_wait_for_an_answer_for_ever(broker: MemoryBroker) -> None:
    """On the real clock: a third of the lease."""
    await broker.open()
    await broker.declare(QueueSpec(name="q", lease=LEASE))
    bench = Bench(broker)
    run = await bench.run()
    run.lease.deadline = 0.0
    bench.broker.hold("renew")
    await Heartbeat(bench.broker, "q", 0.03, bench.held).catch_up()
    assert (bench.broker.calls["renew"], run.lease.deadline) == (1, 0.0)
