"""What becomes of jobs when the server itself fails, refuses or forgets."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from headrace import Queue
from headrace.errors import AuthFailed, BrokerError, OutcomeUnknown
from headrace.ids import new_id
from headrace.job import Lease, NewJob
from tests.asking import insisted, result_of, settled
from tests.faults.conftest import Start
from tests.faults.site import DAMAGES, REFUSALS, Site
from tests.ledger import Ledger
from tests.live import Held, Make, Working

LOST = "the server had lost the queue, it is declared again"
JOBS = 200


def each(table: Mapping[str, tuple[str, ...]]) -> list[Any]:
    """Return each kind of server with each thing that it can do."""
    return [pytest.param(kind, what, id=f"{kind}-{what}") for kind in table for what in table[kind]]


# what it forgets


@pytest.mark.parametrize("works", [False, True])
@pytest.mark.parametrize(("site", "what"), each(DAMAGES), indirect=["site"])
async def test_a_worker_goes_on_with_a_server_that_forgot(
    site: Site,
    make: Make,
    ledger: Ledger,
    working: Working,
    caplog: pytest.LogCaptureFixture,
    what: str,
    works: bool,
) -> None:
    queue = make(site.url, lease=2.0)
    held = Held(queue, ledger)
    async with queue, working(queue):
        await result_of(await queue.enqueue("work", 0))
        if works:
            await queue.enqueue("held", 1)
            await ledger.until(lambda: ledger.started[1] == 1)
        await site.damage(what, queue)
        assert await result_of(await queue.enqueue("work", 2)) == 2
        held.go_on.set()
        await settled(queue)
        assert queue.spec in await queue.broker.queues()
    assert ledger.started[0] == ledger.ended[0] == 1
    said = [record for record in caplog.records if record.message == LOST]
    assert len(said) == (what != "scripts")


@pytest.mark.parametrize(
    ("site", "what"), [("nats", "consumers"), ("redis", "groups")], indirect=["site"]
)
async def test_without_its_readers_a_queue_loses_no_job_and_repeats_none_that_is_over(
    site: Site, make: Make, ledger: Ledger, working: Working, what: str
) -> None:
    queue = make(site.url, lease=2.0)
    held = Held(queue, ledger)
    work, hold = queue.remote("work"), queue.tasks["held"]
    async with queue, working(queue, concurrency=3, prefetch=0):
        for handle in await queue.enqueue_many(work.call(n) for n in range(20)):
            await result_of(handle)
        handles = await queue.enqueue_many(hold.call(n) for n in range(20, 40))
        delayed = await queue.enqueue(work.options(delay=2), 40)
        await ledger.until(lambda: len(ledger.started) == 23)
        await site.damage(what, queue)
        held.go_on.set()
        assert [await result_of(handle) for handle in handles] == list(range(20, 40))
        assert await result_of(delayed) == 40
        await settled(queue)
    assert set(ledger.ended) == set(range(41))
    assert {ledger.started[n] for n in range(20)} == {1}


async def test_a_job_that_was_deleted_with_its_lane_is_unknown_and_can_be_sent_again(
    site: Site, make: Make
) -> None:
    async with make(site.url) as queue:
        task = queue.remote("work").options(job_id="one", unique="key")
        handle = await queue.enqueue(task, 1)
        assert (await queue.enqueue(task, 1)).duplicate
        await site.drop_jobs(queue)
        other = await queue.enqueue(queue.remote("work").options(unique="key"), 1)
        assert not other.duplicate
        assert await handle.info() is None
        assert await other.cancel()
        assert not (await queue.enqueue(task, 1)).duplicate
        [lease] = await queue.broker.claim(queue.name, "w", 10, site.patience)
        assert lease.id == "one"


async def test_a_reader_that_is_missing_holds_up_no_other_lane(site: Site, make: Make) -> None:
    async with make(site.url) as queue:
        first, last = (
            queue.remote("work").options(priority=0),
            queue.remote("work").options(priority=2),
        )
        # The sweep of Redis, which looks at every lane first, is over and not due soon.
        assert await queue.broker.claim(queue.name, "w", 10, 0.0) == []
        await queue.enqueue(first, 1)
        await queue.enqueue(last, 2)
        await site.drop_lane(queue, 2)
        leases: list[Lease] = []
        async with asyncio.timeout(20):
            while len(leases) < 2:
                leases += await queue.broker.claim(queue.name, "w", 10, 0.0)
        assert [lease.priority for lease in leases] == [0, 2]


# when it dies


async def test_a_server_that_is_killed_and_comes_back_lost_nothing_that_was_accepted(
    kind: type[Site], start: Start, make: Make, ledger: Ledger, working: Working
) -> None:
    site = start(**kind.durable)
    loop = asyncio.get_running_loop()
    async with site.proxy() as proxy:
        queue = make(proxy.url, lease=3.0, max_deliveries=20)
        async with queue, working(queue, concurrency=10):
            accepted: dict[int, Any] = {}

            async def produce() -> None:
                for number in range(JOBS):
                    try:
                        accepted[number] = await queue.enqueue("work", number, number % 3)
                    except BrokerError:
                        continue

            producing = asyncio.create_task(produce())
            await ledger.until(lambda: len(ledger.ended) > JOBS // 10)
            site.kill()
            began, before = loop.time(), proxy.accepted
            while proxy.accepted < before + site.knocks:
                await asyncio.sleep(0)
            # Every service of the worker tries by itself, and the producer; none of them hotly.
            assert site.knocks / (loop.time() - began) < 40
            await asyncio.to_thread(site.start)
            await producing
            assert len(accepted) == JOBS
            for number, handle in accepted.items():
                assert await result_of(handle) == number
            await settled(queue)
        assert site.connections() < 100


# when it refuses


async def refused(queue: Queue) -> BrokerError:
    """Return what comes back when the connections that broke are used up."""
    while True:
        try:
            # Past the patience of the queue.
            await queue.broker.enqueue(queue.name, [NewJob(id=new_id(), body=b"")], batch=new_id())
        except OutcomeUnknown:
            continue
        except BrokerError as error:
            return error
        raise AssertionError("it was not refused")


@pytest.mark.parametrize(("kind", "why"), each(REFUSALS), indirect=["kind"])
async def test_a_worker_survives_a_server_that_refuses(
    start: Start, make: Make, working: Working, caplog: pytest.LogCaptureFixture, why: str
) -> None:
    site = start()
    queue = make(site.url)
    async with queue, working(queue) as worker:
        assert await result_of(await queue.enqueue("work", 1)) == 1
        async with site.refusal(why) as kind:
            assert type(await refused(queue)) is kind
            async with asyncio.timeout(20):
                while worker.ready:
                    await asyncio.sleep(0)
        await insisted(queue)
        assert await result_of(await queue.enqueue("work", 2)) == 2
    assert LOST not in caplog.messages


async def test_a_wrong_password_is_told_at_once(kind: type[Site], start: Start, make: Make) -> None:
    site = start(**kind.locked)
    for url in (site.url, site.url_with("wrong")):
        with pytest.raises(AuthFailed):
            await make(url).open()
    async with make(site.url_with("secret")) as queue:
        assert sum((await queue.stats()).ready) == 0
