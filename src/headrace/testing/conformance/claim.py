"""Chapter 2: handing jobs out."""

from __future__ import annotations

import asyncio

import pytest

from headrace.broker import FAIR_EVERY
from headrace.job import Lease
from headrace.outcome import Release
from headrace.testing.conformance.lab import Chapter, Lab, cancel_after, job, soon

LONG = 30.0
"""Seconds that a claim may wait in tests where a job comes."""


async def waiting_claim(lab: Lab, worker: str) -> asyncio.Task[list[Lease]]:
    """Begin a claim on the empty queue, and let it come to wait."""
    claim = asyncio.create_task(lab.broker.claim(lab.queue, worker, 1, LONG))
    await lab.advance(lab.rig.lease / 20)
    assert not claim.done()
    return claim


class ClaimChapter(Chapter):
    """A job is handed to one worker at a time, in the order of the lanes."""

    async def test_the_limit_is_a_total_over_the_lanes(self, lab: Lab) -> None:
        await lab.enqueue(*(job(priority=lane) for lane in (0, 1, 2) for _ in range(4)))
        leases = await lab.broker.claim(lab.queue, "worker-a", 5, lab.rig.patience)
        assert 1 <= len(leases) <= 5
        assert len(await lab.claim(12)) == 12 - len(leases)

    async def test_lanes_are_strict(self, lab: Lab) -> None:
        low, normal, high = job(priority=2), job(priority=1), job(priority=0)
        await lab.enqueue(low, normal, high)
        await lab.advance(lab.rig.lag)
        assert [lease.id for lease in await lab.claim(3)] == [high.id, normal.id, low.id]

    async def test_within_a_lane_the_first_comes_first(self, lab: Lab) -> None:
        ids = [await lab.put() for _ in range(5)]
        assert [lease.id for lease in await lab.claim(5)] == ids

    async def test_no_lane_starves(self, lab: Lab) -> None:
        rounds = 2 * FAIR_EVERY
        await lab.enqueue(*(job(priority=0) for _ in range(rounds)))
        await lab.enqueue(job(priority=1), job(priority=2))
        served = [(await lab.claim(1))[0].priority for _ in range(rounds)]
        assert {0, 1, 2} == set(served)
        assert served.count(0) >= rounds - 2

    async def test_each_job_goes_to_one_worker(self, lab: Lab) -> None:
        jobs = [job() for _ in range(60)]
        await lab.enqueue(*jobs)
        claims = await asyncio.gather(
            *(lab.claim(7, worker=f"worker-{number}") for number in range(12))
        )
        ids = [lease.id for leases in claims for lease in leases]
        assert sorted(ids) == sorted(one.id for one in jobs)

    async def test_a_claim_does_not_wait_when_it_is_told_not_to(self, lab: Lab) -> None:
        assert await lab.broker.claim(lab.queue, "worker-a", 1, 0.0) == []

    async def test_a_claim_returns_empty_when_its_wait_is_over(self, lab: Lab) -> None:
        claim = asyncio.create_task(lab.broker.claim(lab.queue, "worker-a", 1, lab.rig.lease))
        await lab.advance(lab.rig.lease * 1.5)
        assert await soon(claim) == []

    async def test_a_waiting_claim_wakes_when_a_job_comes(self, lab: Lab) -> None:
        claim = await waiting_claim(lab, "worker-a")
        job_id = await lab.put()
        assert [lease.id for lease in await soon(claim)] == [job_id]

    async def test_as_many_waiting_claims_wake_as_jobs_come(self, lab: Lab) -> None:
        claims = [await waiting_claim(lab, f"worker-{number}") for number in range(3)]
        jobs = [job() for _ in range(3)]
        await lab.enqueue(*jobs)
        ids = [lease.id for claim in claims for lease in await soon(claim)]
        assert sorted(ids) == sorted(one.id for one in jobs)

    async def test_a_waiting_claim_wakes_when_a_job_is_due(self, lab: Lab) -> None:
        job_id = await lab.put(delay=lab.rig.lease)
        claim = await waiting_claim(lab, "worker-a")
        await lab.advance(lab.rig.lease * 1.1)
        assert [lease.id for lease in await soon(claim)] == [job_id]

    async def test_a_waiting_claim_wakes_when_a_delayed_job_arrives_and_is_due(
        self, lab: Lab
    ) -> None:
        claim = await waiting_claim(lab, "worker-a")
        job_id = await lab.put(delay=lab.rig.lease)
        await lab.advance(lab.rig.lease * 1.1)
        assert [lease.id for lease in await soon(claim)] == [job_id]

    async def test_a_waiting_claim_wakes_when_a_lease_runs_out(self, lab: Lab) -> None:
        job_id = await lab.put()
        await lab.one("worker-that-dies")
        claim = await waiting_claim(lab, "worker-b")
        await lab.lapse()
        [lease] = await soon(claim)
        assert (lease.id, lease.deliveries) == (job_id, 2)

    async def test_a_waiting_claim_wakes_when_a_job_is_given_back(self, lab: Lab) -> None:
        job_id = await lab.put()
        lease = await lab.one("worker-a")
        claim = await waiting_claim(lab, "worker-b")
        assert await lab.settle(Release(lease)) == [True]
        assert [lease.id for lease in await soon(claim)] == [job_id]

    async def test_after_idling_the_high_lane_is_not_far_behind(self, lab: Lab) -> None:
        claim = await waiting_claim(lab, "worker-a")
        low, high = job(priority=2), job(priority=0)
        await lab.enqueue(low, high, *(job(priority=2) for _ in range(5)))
        leases = [*await soon(claim), *await lab.claim(6)]
        position = [lease.id for lease in leases].index(high.id)
        assert position <= 2, "at most lanes - 1 jobs are out of order after a wake-up"

    async def test_a_cancelled_claim_loses_no_job(self, lab: Lab) -> None:
        jobs = [job() for _ in range(100)]
        for number, one in enumerate(jobs):
            claim = asyncio.create_task(lab.broker.claim(lab.queue, "worker-a", 1, LONG))
            await asyncio.sleep(0)
            await lab.enqueue(one)
            await cancel_after(number % 3, claim)
            if not claim.cancelled():
                [lease] = claim.result()
                await lab.done(lease)
        leases = await lab.claim(100)
        for lease in leases:
            await lab.done(lease)
        await lab.lapse()
        for lease in await lab.claim(100):
            await lab.done(lease)
        stats = await lab.stats()
        assert (sum(stats.ready), stats.running) == (0, 0)
        infos = await lab.broker.lookup(lab.queue, [one.id for one in jobs])
        assert all(info is not None and info.state.final for info in infos)

    async def test_the_wake_up_of_a_cancelled_claim_goes_to_the_next(self, lab: Lab) -> None:
        first = await waiting_claim(lab, "worker-a")
        second = await waiting_claim(lab, "worker-b")
        job_id = await lab.put()
        await cancel_after(0, first)
        if not first.cancelled():
            await lab.done(first.result()[0])
            job_id = await lab.put()
        await lab.lapse()
        assert [lease.id for lease in await soon(second)] == [job_id]

    async def test_a_deadline_is_counted_from_before_the_claim(self, lab: Lab) -> None:
        clock = lab.broker.clock
        await lab.put()
        before = clock.monotonic()
        lease = await lab.one()
        assert before + lab.rig.lease <= lease.deadline <= clock.monotonic() + lab.rig.lease

    async def test_fencing_rises_with_each_copy_and_each_delivery(self, lab: Lab) -> None:
        await lab.put()
        first = await lab.one("worker-a")
        await lab.lapse()
        second = await lab.one("worker-b")
        await lab.retry(second)
        third = await lab.one("worker-a")
        assert first.fencing < second.fencing < third.fencing

    @pytest.mark.parametrize("limit", [1, 2, 100])
    async def test_what_is_claimed_is_not_claimed_again(self, lab: Lab, limit: int) -> None:
        await lab.enqueue(*(job() for _ in range(limit)))
        assert len(await lab.claim(limit)) == limit
        await lab.none("worker-b")
