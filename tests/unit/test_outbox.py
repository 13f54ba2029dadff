from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from headrace import MemoryBroker, OutcomeUnknown, Overloaded, Rejected, Unavailable
from headrace.broker import QueueSpec
from headrace.job import NewJob
from headrace.outbox import BATCH_BYTES, PATIENCE, Outbox
from headrace.testing import FaultyBroker, ManualClock


class Recorder(FaultyBroker):
    """Remembers the batches that were sent."""

    def __init__(self, broker: MemoryBroker) -> None:
        super().__init__(broker)
        self.sent: list[tuple[str, list[str]]] = []

    async def enqueue(self, queue: str, jobs: Sequence[NewJob], *, batch: str) -> list[str | None]:
        self.sent.append((batch, [job.id for job in jobs]))
        return await super().enqueue(queue, jobs, batch=batch)


@pytest.fixture
async def recorder(broker: MemoryBroker) -> Recorder:
    await broker.open()
    await broker.declare(QueueSpec(name="q"))
    return Recorder(broker)


@pytest.fixture
def outbox(recorder: Recorder) -> Outbox:
    return Outbox(recorder, "q")


def job(job_id: str, body: bytes = b"") -> NewJob:
    return NewJob(id=job_id, body=body)


async def test_concurrent_jobs_travel_together(recorder: Recorder, outbox: Outbox) -> None:
    answers = await asyncio.gather(*(outbox.send(job(f"{number}")) for number in range(7)))
    assert answers == [None] * 7
    assert [ids for _, ids in recorder.sent] == [["0", "1", "2", "3", "4", "5", "6"]]


async def test_no_batch_is_too_long(recorder: Recorder, outbox: Outbox) -> None:
    await asyncio.gather(*(outbox.send(job(f"{number}")) for number in range(1_001)))
    assert [len(ids) for _, ids in recorder.sent] == [500, 500, 1]


async def test_no_batch_is_too_heavy(recorder: Recorder, outbox: Outbox) -> None:
    half, huge = b"x" * (BATCH_BYTES // 2), b"x" * (2 * BATCH_BYTES)
    bodies = [half, half, half, huge, b"", half]
    await asyncio.gather(*(outbox.send(job(str(n), body)) for n, body in enumerate(bodies)))
    assert [ids for _, ids in recorder.sent] == [["0", "1"], ["2"], ["3"], ["4", "5"]]


async def test_what_is_sent_meanwhile_is_the_next_batch(
    recorder: Recorder, outbox: Outbox, clock: ManualClock
) -> None:
    recorder.hold("enqueue")
    futures = [outbox.send(job("a"))]
    await clock.settle()
    futures += [outbox.send(job("b")), outbox.send(job("c"))]
    recorder.let_go("enqueue")
    await asyncio.gather(*futures)
    assert [ids for _, ids in recorder.sent] == [["a"], ["b", "c"]]


@pytest.mark.parametrize("applied", [False, True])
async def test_a_lost_reply_is_no_lost_and_no_second_job(
    recorder: Recorder, outbox: Outbox, clock: ManualClock, applied: bool
) -> None:
    recorder.fail("enqueue", OutcomeUnknown("lost"), times=3, applied=applied)
    futures = [outbox.send(job("a")), outbox.send(job("b"))]
    await clock.advance(5.0)
    assert await asyncio.gather(*futures) == [None, None]
    assert len({batch for batch, _ in recorder.sent}) == 1, "it is repeated as it was"
    assert [ids for _, ids in recorder.sent] == [["a", "b"]] * 4
    assert sum((await recorder.stats("q")).ready) == 2


@pytest.mark.parametrize("kind", [Unavailable, OutcomeUnknown, Overloaded])
async def test_callers_are_told_when_patience_ends(
    recorder: Recorder, outbox: Outbox, clock: ManualClock, kind: type[Exception]
) -> None:
    recorder.fail("enqueue", kind("down"), times=1_000)
    futures = [outbox.send(job("a")), outbox.send(job("b"))]
    await clock.advance(PATIENCE + 1)
    first, second = await asyncio.gather(*futures, return_exceptions=True)
    assert isinstance(first, kind)
    assert isinstance(second, kind)
    assert first is not second, "a shared exception would gather both callers' tracebacks"
    assert 5 < len(recorder.sent) < 50, "it backs off"


async def test_a_refused_job_fails_alone(recorder: Recorder, outbox: Outbox) -> None:
    futures = [outbox.send(job(one)) for one in ("a", "b.ad", "c")]
    first, second, third = await asyncio.gather(*futures, return_exceptions=True)
    assert (first, third) == (None, None)
    assert isinstance(second, Rejected)
    assert second.job_id == "b.ad"
    assert sum((await recorder.stats("q")).ready) == 2


async def test_a_refusal_that_names_nobody_fails_all(recorder: Recorder, outbox: Outbox) -> None:
    recorder.fail("enqueue", Rejected("somebody", "else"))
    futures = [outbox.send(job("a")), outbox.send(job("b"))]
    answers = await asyncio.gather(*futures, return_exceptions=True)
    assert [type(answer) for answer in answers] == [Rejected, Rejected]


async def test_an_error_that_is_no_broker_error_reaches_the_callers(
    recorder: Recorder, outbox: Outbox
) -> None:
    recorder.fail("enqueue", ZeroDivisionError("a plug-in leaks"))
    with pytest.raises(ZeroDivisionError):
        await outbox.send(job("a"))
    assert await outbox.send(job("b")) is None


async def test_a_cancelled_caller_takes_only_itself_away(
    recorder: Recorder, outbox: Outbox, clock: ManualClock
) -> None:
    recorder.hold("enqueue")
    first, second = outbox.send(job("a")), outbox.send(job("b"))
    await clock.settle()
    first.cancel()
    recorder.let_go("enqueue")
    assert await second is None
    assert sum((await recorder.stats("q")).ready) == 2


async def test_a_cancelled_caller_hides_no_failure_from_others(
    recorder: Recorder, outbox: Outbox
) -> None:
    recorder.fail("enqueue", ZeroDivisionError())
    first, second = outbox.send(job("a")), outbox.send(job("b"))
    first.cancel()
    with pytest.raises(ZeroDivisionError):
        await second


async def test_draining_waits_for_what_is_on_its_way(
    recorder: Recorder, outbox: Outbox, clock: ManualClock
) -> None:
    recorder.hold("enqueue")
    future = outbox.send(job("a"))
    draining = asyncio.create_task(outbox.drain())
    await clock.settle()
    assert not draining.done()
    recorder.let_go("enqueue")
    await draining
    assert future.result() is None
