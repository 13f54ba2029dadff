"""Chapter 4: keeping and losing leases."""

from __future__ import annotations

import pytest
from msgspec import structs

from headrace.broker import Held, QueueSpec
from headrace.errors import ConfigMismatch
from headrace.outcome import Release
from headrace.testing.conformance.lab import Chapter, Lab, Rig, cancel_after


class LeaseChapter(Chapter):
    """A job belongs to a live worker, and comes back from a dead one."""

    async def test_a_job_of_a_dead_worker_comes_again(self, lab: Lab) -> None:
        job_id = await lab.put(body=b"same", meta=b"kept", attempt=2)
        first = await lab.one("worker-that-dies")
        await lab.lapse()
        second = await lab.one("worker-b")
        assert (second.id, second.body, second.meta) == (job_id, b"same", b"kept")
        assert (second.attempt, second.deliveries) == (2, 2)
        assert second.deadline > first.deadline

    async def test_all_jobs_of_a_dead_worker_come_again_one_by_one(self, lab: Lab) -> None:
        ids = [await lab.put() for _ in range(5)]
        assert len(await lab.claim(5, "worker-that-dies")) == 5
        await lab.lapse()
        began = lab.broker.clock.monotonic()
        again = [await lab.one(f"worker-{number}") for number in range(5)]
        assert sorted(lease.id for lease in again) == sorted(ids)
        assert lab.broker.clock.monotonic() < began + 5 * lab.rig.patience + lab.rig.lease / 2

    async def test_a_job_does_not_come_again_before_its_lease_ends(self, lab: Lab) -> None:
        await lab.put()
        await lab.one("worker-a")
        await lab.advance(lab.rig.lease * 0.6)
        await lab.broker.maintain(lab.queue, "worker-b")
        await lab.none("worker-b")

    async def test_a_worker_can_lose_a_job_to_itself(self, lab: Lab) -> None:
        await lab.put()
        first = await lab.one("worker-a")
        await lab.lapse()
        second = await lab.one("worker-a")
        assert second.deliveries == 2
        assert await lab.broker.renew([first]) == [Held.LOST]
        assert await lab.settle(Release(first)) == [False]
        assert await lab.broker.renew([second]) == [Held.OK]

    async def test_a_renewed_lease_is_kept(self, lab: Lab) -> None:
        await lab.put()
        lease = await lab.one("worker-a")
        for _ in range(4):
            await lab.advance(lab.rig.lease * 0.6)
            before, deadline = lab.broker.clock.monotonic(), lease.deadline
            assert await lab.broker.renew([lease]) == [Held.OK]
            assert deadline < lease.deadline
            assert lease.deadline >= before + lab.rig.lease
            await lab.broker.maintain(lab.queue, "worker-b")
            await lab.none("worker-b")
        assert await lab.done(lease)

    async def test_a_job_comes_again_although_an_older_lease_is_kept(self, lab: Lab) -> None:
        await lab.put()
        kept = await lab.one("worker-a")
        job_id = await lab.put()
        await lab.one("worker-that-dies")
        for _ in range(2):
            await lab.advance(lab.rig.lease * 0.6)
            assert await lab.broker.renew([kept]) == [Held.OK]
        assert (await lab.one("worker-b")).id == job_id
        assert await lab.done(kept)

    async def test_renewing_twice_is_harmless(self, lab: Lab) -> None:
        await lab.put()
        lease = await lab.one()
        assert await lab.broker.renew([lease]) == [Held.OK]
        assert await lab.broker.renew([lease, lease]) == [Held.OK, Held.OK]
        assert lease.deliveries == 1

    async def test_any_client_renews_a_lease(self, lab: Lab, rig: Rig) -> None:
        """A worker renews through a second client, in a thread of its own."""
        await lab.put()
        zombie = await lab.one("worker-a")
        await lab.lapse()
        lease = await lab.one("worker-b")
        other = rig.connect()
        await other.open()
        await other.declare(QueueSpec(name=lab.queue, lease=rig.lease))
        await lab.advance(rig.lease * 0.6)
        deadline = lease.deadline
        assert await other.renew([zombie, lease]) == [Held.LOST, Held.OK]
        assert lease.deadline > deadline
        await lab.advance(rig.lease * 0.6)
        await lab.none()
        await other.close()
        await lab.broker.open()
        assert await lab.done(lease)

    async def test_renewing_nothing(self, lab: Lab) -> None:
        assert await lab.broker.renew([]) == []

    @pytest.mark.parametrize("rounds", range(3))
    async def test_a_cancelled_renewal_harms_nothing(self, lab: Lab, rounds: int) -> None:
        await lab.put()
        lease = await lab.one()
        await cancel_after(rounds, lab.broker.renew([lease]))
        assert await lab.broker.renew([lease]) == [Held.OK]
        assert await lab.done(lease)

    async def test_a_lost_lease_is_reported_and_not_stolen_back(self, lab: Lab) -> None:
        await lab.put()
        zombie = await lab.one("worker-a")
        deadline = zombie.deadline
        await lab.lapse()
        owner = await lab.one("worker-b")
        assert await lab.broker.renew([zombie]) == [Held.LOST]
        assert zombie.deadline == deadline
        assert await lab.broker.renew([owner]) == [Held.OK]
        assert await lab.done(owner)

    async def test_a_settled_lease_is_lost(self, lab: Lab) -> None:
        for _ in range(3):
            await lab.put()
        done, retried, dead = await lab.claim(3)
        await lab.done(done)
        await lab.retry(retried)
        await lab.bury(dead)
        assert await lab.broker.renew([done, retried, dead]) == [Held.LOST] * 3

    async def test_answers_stand_in_the_order_of_the_leases(self, lab: Lab) -> None:
        for _ in range(3):
            await lab.put()
        first, second, third = await lab.claim(3)
        await lab.done(second)
        assert await lab.broker.renew([third, second, first]) == [Held.OK, Held.LOST, Held.OK]

    async def test_deliveries_count_the_workers_that_died(self, lab: Lab) -> None:
        await lab.put()
        for deliveries in range(1, 5):
            lease = await lab.one(f"worker-{deliveries}")
            assert (lease.deliveries, lease.attempt) == (deliveries, 0)
            await lab.lapse()

    @pytest.mark.parametrize("how", ["release", "reschedule"])
    async def test_a_new_copy_counts_deliveries_anew(self, lab: Lab, how: str) -> None:
        await lab.put()
        await lab.one("worker-that-dies")
        await lab.lapse()
        lease = await lab.one("worker-b")
        assert lease.deliveries == 2
        if how == "release":
            await lab.settle(Release(lease))
        else:
            await lab.retry(lease)
        assert (await lab.one("worker-c")).deliveries == 1

    async def test_a_settlement_in_time_keeps_the_job_from_coming_again(self, lab: Lab) -> None:
        await lab.put()
        assert await lab.done(await lab.one())
        await lab.lapse()
        await lab.none()

    @pytest.mark.parametrize("change", [{"lease": 7.0}, {"lanes": 4}])
    async def test_the_lease_and_the_lanes_belong_to_the_queue(
        self, lab: Lab, change: dict[str, int]
    ) -> None:
        stored = QueueSpec(name=lab.queue, lease=lab.rig.lease)
        with pytest.raises(ConfigMismatch, match=lab.queue):
            await lab.broker.declare(structs.replace(stored, **change))
        held = await lab.broker.declare(stored)
        assert (held.name, held.lease, held.lanes) == (lab.queue, lab.rig.lease, 3)

    async def test_declaring_twice_changes_nothing(self, lab: Lab) -> None:
        job_id = await lab.put()
        await lab.broker.declare(QueueSpec(name=lab.queue, lease=lab.rig.lease))
        assert (await lab.one()).id == job_id

    async def test_closing_releases_no_lease(self, lab: Lab) -> None:
        await lab.put()
        lease = await lab.one("worker-a")
        await lab.broker.close()
        await lab.broker.close()
        await lab.broker.open()
        await lab.broker.open()
        await lab.none("worker-b")
        assert await lab.done(lease)
