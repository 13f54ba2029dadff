"""Three NATS servers: what becomes of jobs when the one that leads their queue is killed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headrace import Queue
from headrace.errors import BrokerError, OutcomeUnknown, Unavailable
from headrace.ids import new_id
from headrace.job import NewJob
from tests.asking import result_of, settled
from tests.faults.nats_site import binary, stream_of
from tests.faults.site import kind_of
from tests.ledger import Ledger
from tests.live import Held, Make, Working
from tests.servers import NatsCluster

JOBS = 200


pytestmark = pytest.mark.cluster


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[NatsCluster]:
    kind_of("nats")
    cluster = NatsCluster(binary(), tmp_path)
    try:
        yield cluster.start()
    finally:
        cluster.stop()


async def produce(queue: Queue, jobs: int) -> dict[int, Any]:
    """Enqueue, and return the handles of what was accepted. What was not is sent again."""
    accepted: dict[int, Any] = {}
    for number in range(jobs):
        while number not in accepted:
            try:
                accepted[number] = await queue.enqueue("work", number, number % 3)
            except BrokerError:
                continue
    return accepted


@pytest.mark.timeout(240)
async def test_a_leader_that_is_killed_under_load_takes_no_job_along(
    cluster: NatsCluster, make: Make, ledger: Ledger, working: Working
) -> None:
    queue = make(f"{cluster.url}?replicas=3", lease=3.0, max_deliveries=20)
    async with queue, working(queue, concurrency=10) as worker:
        producing = asyncio.create_task(produce(queue, JOBS))
        await ledger.until(lambda: len(ledger.ended) > JOBS // 10)
        killed = await asyncio.to_thread(cluster.kill_leader, stream_of(queue))
        await ledger.until(lambda: len(ledger.ended) > JOBS // 2, patience=90)
        await asyncio.to_thread(cluster.start_again, killed)
        accepted = await producing
        for number, handle in accepted.items():
            assert await result_of(handle) == number
        await settled(queue)
        assert worker.ready
    assert set(ledger.ended) == set(range(JOBS))


@pytest.mark.timeout(240)
async def test_each_node_may_be_killed_in_turn(
    cluster: NatsCluster, make: Make, ledger: Ledger, working: Working
) -> None:
    queue = make(f"{cluster.url}?replicas=3", lease=3.0, max_deliveries=20)
    async with queue, working(queue, concurrency=10):
        for number, node in enumerate(cluster.nodes):
            node.kill()
            handles = await produce(queue, 20 * (number + 1))
            for expected, handle in handles.items():
                assert await result_of(handle, 90.0) == expected
            await asyncio.to_thread(cluster.start_again, node)
        await settled(queue)


@pytest.mark.timeout(240)
async def test_without_a_majority_nothing_is_accepted_and_with_it_everything_goes_on(
    cluster: NatsCluster, make: Make, ledger: Ledger, working: Working
) -> None:
    lease = 3.0
    queue = make(f"{cluster.url}?replicas=3&timeout=1", lease=lease, max_deliveries=20)
    held = Held(queue, ledger)
    async with queue, working(queue, concurrency=20) as worker:
        before = await produce(queue, 20)
        running = [await queue.enqueue("held", 100 + number) for number in range(10)]
        delayed = await queue.enqueue(queue.remote("work").options(delay=lease), 21)
        await ledger.until(lambda: all(ledger.started[100 + number] for number in range(10)))
        down = [node for node in cluster.nodes if node is not cluster.leader_of(stream_of(queue))]
        for node in down:
            node.kill()
        [left] = [node for node in cluster.nodes if node.running]
        refused = [await asyncio.create_task(refusal(queue, number)) for number in range(22, 25)]
        assert set(refused) <= {Unavailable, OutcomeUnknown}
        held.go_on.set()
        received = left.ask("varz")["in_msgs"]
        await queue.broker.clock.sleep(2 * lease)
        assert left.ask("varz")["in_msgs"] - received < 50 * 2 * lease, "nobody tries hotly"
        await asyncio.to_thread(cluster.start_again, down[0])
        for number, handle in before.items():
            assert await result_of(handle, 90.0) == number
        assert await result_of(delayed, 90.0) == 21
        for number, handle in enumerate(running, 100):
            assert await result_of(handle, 90.0) == number
        after = await produce(queue, 10)
        for number, handle in after.items():
            assert await result_of(handle, 90.0) == number
        await settled(queue)
        assert worker.ready


async def refusal(queue: Queue, number: int) -> type[BrokerError]:
    """Return how a job is refused, in time."""
    job = NewJob(id=f"refused-{number}", body=b"")
    async with asyncio.timeout(5):
        try:
            await queue.broker.enqueue(queue.name, [job], batch=new_id())
        except BrokerError as error:
            return type(error)
    raise AssertionError("it was not refused")
