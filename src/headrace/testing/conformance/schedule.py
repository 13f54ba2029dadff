"""Chapter 5: time."""

from __future__ import annotations

import pytest

from headrace.broker import Held
from headrace.job import JobState, Lease
from headrace.outcome import Release, Reschedule
from headrace.testing.conformance.lab import SOON, Chapter, Lab, job


class ScheduleChapter(Chapter):
    """Nothing starts before its time by the broker's clock, nor after its end."""

    async def test_a_delayed_job_is_never_early(self, lab: Lab) -> None:
        clock, wait = lab.broker.clock, min(lab.rig.patience, lab.rig.lease / 5)
        due = clock.monotonic() + lab.rig.lease
        job_id = await lab.put(delay=lab.rig.lease)
        leases: list[Lease] = []
        while not leases:
            state = await lab.state(job_id)
            assert state is JobState.DELAYED or clock.monotonic() >= due
            await lab.broker.maintain(lab.queue, "worker-a")
            leases = await lab.broker.claim(lab.queue, "worker-a", 10, wait)
            assert not leases or clock.monotonic() >= due
            assert leases or clock.monotonic() < due + SOON
            await lab.advance(lab.rig.lease / 10)
        assert [lease.id for lease in leases] == [job_id]

    async def test_a_delayed_job_keeps_what_it_is(self, lab: Lab) -> None:
        await lab.put(body=b"\x00same", meta=b"kept", attempt=4, priority=0, delay=0.2)
        await lab.advance(0.3)
        lease = await lab.one()
        assert (lease.body, lease.meta, lease.attempt) == (b"\x00same", b"kept", 4)
        assert (lease.priority, lease.deliveries) == (0, 1)

    async def test_jobs_come_in_the_order_in_which_they_are_due(self, lab: Lab) -> None:
        step = lab.rig.lease / 4
        late, early, middle = (job(delay=count * step) for count in (3, 1, 2))
        assert await lab.enqueue(late, early, middle) == [None] * 3
        await lab.advance(4 * step)
        assert [lease.id for lease in await lab.claim(3)] == [early.id, middle.id, late.id]

    async def test_many_that_are_due_at_once_all_come(self, lab: Lab) -> None:
        jobs = [job(delay=lab.rig.lease) for _ in range(500)]
        await lab.enqueue(*jobs)
        await lab.none()
        await lab.advance(lab.rig.lease * 1.1)
        leases = await lab.claim(500)
        assert {lease.id for lease in leases} == {one.id for one in jobs}

    async def test_delayed_retries_do_not_stall_fresh_jobs(self, lab: Lab) -> None:
        await lab.enqueue(*(job() for _ in range(500)))
        leases = await lab.claim(500)
        await lab.settle(*(Reschedule(lease, 3600.0, 1, b"") for lease in leases))
        fresh = await lab.put()
        assert (await lab.one()).id == fresh
        assert (await lab.stats()).delayed == 500

    async def test_a_job_that_is_not_started_in_time_expires(self, lab: Lab) -> None:
        job_id = await lab.put(expires=lab.rig.lease / 2)
        await lab.advance(lab.rig.lease)
        await lab.none()
        assert await lab.state(job_id) is JobState.EXPIRED
        stats = await lab.stats()
        assert (sum(stats.ready), stats.dead) == (0, 0)

    async def test_an_expired_job_does_not_use_up_the_limit(self, lab: Lab) -> None:
        await lab.put(expires=lab.rig.lease / 2)
        good = await lab.put()
        await lab.advance(lab.rig.lease)
        assert [lease.id for lease in await lab.claim(1)] == [good]

    async def test_the_limit_is_a_total_beside_expired_jobs_too(self, lab: Lab) -> None:
        await lab.put(expires=lab.rig.lease / 2)
        good = [await lab.put() for _ in range(4)]
        await lab.advance(lab.rig.lease)
        assert [lease.id for lease in await lab.claim(2)] == good[:2]

    async def test_a_job_that_is_started_in_time_does_not_expire(self, lab: Lab) -> None:
        await lab.put(expires=lab.rig.lease)
        lease = await lab.one()
        for _ in range(3):
            await lab.advance(lab.rig.lease * 0.6)
            assert await lab.broker.renew([lease]) == [Held.OK]
        assert await lab.done(lease)

    @pytest.mark.parametrize("how", ["reschedule", "release", "crash"])
    async def test_an_expired_job_is_not_started_again(self, lab: Lab, how: str) -> None:
        job_id = await lab.put(expires=lab.rig.lease / 2)
        lease = await lab.one()
        if how == "crash":
            await lab.lapse()
        else:
            await lab.advance(lab.rig.lease * 0.7)
            again = Release(lease) if how == "release" else Reschedule(lease, 0.0, 1, b"")
            assert await lab.settle(again) == [True]
            assert await lab.state(job_id) is JobState.EXPIRED
        await lab.none("worker-b")
        assert await lab.state(job_id) is JobState.EXPIRED

    async def test_maintenance_says_when_it_wants_to_be_called_again(self, lab: Lab) -> None:
        await lab.put(delay=lab.rig.lease)
        pause = await lab.broker.maintain(lab.queue, "worker-a")
        assert 0 <= pause <= 60
