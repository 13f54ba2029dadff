"""Jobs that died with a poisonous one do not die with it again."""

from __future__ import annotations

from headrace.broker import QueueSpec
from headrace.ids import new_id
from headrace.job import NewJob
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
    served: list[str] = []
    for _ in range(5):
        [one] = [job for job in await broker.claim(queue, "careful", 3, wait) if job.id != fresh]
        [other] = await broker.claim(queue, "another", 1, wait)
        assert (one.deliveries, other.deliveries) == (3, 3)
        assert await lab.settle(Done(one), Done(other)) == [True, True]
        served += [one.id, other.id]
        if len(served) >= 4:
            break
    [last] = await broker.claim(queue, "careful", 3, wait)
    assert sorted([*served, last.id]) == [f"job-{number}" for number in range(5)]
