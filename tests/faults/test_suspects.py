"""Jobs that died with a poisonous one do not die with it again."""

from __future__ import annotations

import asyncio

from headrace.broker import QueueSpec
from headrace.ids import new_id
from headrace.job import Lease, NewJob
from headrace.outcome import Done
from headrace.testing.conformance import Lab, Rig
from tests.faults.conftest import Connect
from tests.faults.site import Site


async def test_what_died_twice_comes_one_at_a_time_to_each_worker(
    site: Site, connect: Connect
) -> None:
    broker = await connect(site.url)
    queue = f"suspects-{new_id()}"
    lease = 0.4 + 3 * site.aside
    wait = lease / 2
    await broker.declare(QueueSpec(name=queue, lease=lease))
    lab = Lab(Rig(connect=lambda: broker, lease=lease, patience=lease), broker, queue)
    await lab.enqueue(*(NewJob(id=f"job-{number}", body=b"") for number in range(5)))
    for worker in ("first-to-die", "second-to-die"):
        assert len(await lab.claim(5, worker)) == 5
        await lab.lapse()
    fresh = await lab.put()

    async def suspect(worker: str, limit: int) -> Lease:
        """Claim until a job comes that died twice: never more than one at a time."""
        async with asyncio.timeout(20):
            while True:
                leases = await broker.claim(queue, worker, limit, wait)
                found = [lease for lease in leases if lease.id != fresh]
                assert len(found) <= 1
                if found:
                    return found[0]

    served: list[str] = []
    for _ in range(2):
        one, other = await suspect("careful", 3), await suspect("another", 1)
        assert (one.deliveries, other.deliveries) == (3, 3)
        assert await lab.settle(Done(one), Done(other)) == [True, True]
        served += [one.id, other.id]
    last = await suspect("careful", 3)
    assert sorted([*served, last.id]) == [f"job-{number}" for number in range(5)]
