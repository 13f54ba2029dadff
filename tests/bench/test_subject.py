"""A broker that is measured: what is in its queue belongs to the benchmarks alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from headrace import Queue, Reject
from headrace.bench import subject as subject_module
from headrace.bench.subject import ForeignJobs, NoProgress, Subject
from headrace.bench.tally import Tally, new_tally
from headrace.bench.tasks import QUEUE
from headrace.bench.workers import worker_here


@pytest.fixture
def tally() -> Iterator[Tally]:
    with new_tally() as made:
        yield made


@pytest.fixture
def subject(tally: Tally) -> Subject:
    return Subject("memory", "memory://", tally)


async def test_the_queue_is_empty_before_and_after(subject: Subject) -> None:
    noop = subject.tasks.noop
    await subject.queue.open()
    await subject.queue.enqueue(noop, 1)
    await subject.queue.pause()
    async with subject:
        stats = await subject.queue.stats()
        assert (sum(stats.ready), stats.paused) == (0, False)
        await subject.queue.enqueue(noop, 1)
        await subject.queue.enqueue(noop.options(delay=60), 2)
    stats = await subject.queue.stats()
    assert (sum(stats.ready), stats.delayed) == (0, 0)
    await subject.queue.close()


async def test_dead_letters_of_somebody_else_are_refused_and_left_alone(subject: Subject) -> None:
    other = Queue(subject.queue.broker, name=QUEUE)

    @other.task
    async def payment() -> None:
        raise Reject("no money")

    await subject.queue.open()
    async with other, worker_here(other, 1):
        job = await other.enqueue(payment)
        with pytest.raises(Exception, match="no money"):
            await job.result(10)
    with pytest.raises(ForeignJobs, match="'payment'"):
        await subject.__aenter__()
    assert (await subject.queue.stats()).dead == 1
    await subject.queue.close()


async def test_a_queue_in_use_is_refused(subject: Subject) -> None:
    await subject.queue.open()
    await subject.queue.enqueue(subject.tasks.noop, 1)
    [_] = await subject.queue.broker.claim(QUEUE, "somebody", 1, 0)
    with pytest.raises(ForeignJobs, match="under way"):
        await subject.__aenter__()
    await subject.queue.close()


async def test_a_drain_is_timed_from_the_first_start_and_counts_each_job_once(
    subject: Subject,
) -> None:
    async with subject, subject.working() as workers:
        began = subject.now()
        spent = await subject.drain(workers, map(subject.tasks.noop.call, range(1_000)))
        assert spent.jobs == 1_000
        assert 0 < spent.elapsed < subject.now() - began


async def test_jobs_that_nobody_runs_are_not_waited_for_without_end(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject_module, "PATIENCE", 0.01)
    async with subject:
        await subject.queue.enqueue(subject.tasks.noop, 1)
        with pytest.raises(NoProgress, match="0 of 1 jobs ran"):
            await subject.finished(1)


async def test_a_worker_ends_with_the_block_when_it_is_cancelled(subject: Subject) -> None:
    serving = asyncio.Event()

    async def work() -> None:
        async with subject, subject.working():
            serving.set()
            await asyncio.get_running_loop().create_future()

    working = asyncio.create_task(work())
    await serving.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    names = {task.get_name() for task in asyncio.all_tasks()}
    assert not any(name.startswith("headrace") for name in names)
