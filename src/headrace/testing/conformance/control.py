"""Chapter 6: the operator's verbs."""

from __future__ import annotations

import asyncio

import pytest

from headrace.broker import Cancelled, Capability, Control, Held, QueueSpec
from headrace.job import JobInfo, JobState
from headrace.outcome import Release, Reschedule
from headrace.testing.conformance.lab import Chapter, Lab, Rig, cancel_after, job, soon


async def waiting_lookup(lab: Lab, job_id: str) -> asyncio.Task[list[JobInfo | None]]:
    """Begin a lookup of a job that is not over, and let it come to wait."""
    lookup = asyncio.create_task(lab.broker.lookup(lab.queue, [job_id], wait=30.0))
    await lab.advance(lab.rig.lease / 20)
    assert not lookup.done()
    return lookup


async def buried(lab: Lab, **fields: object) -> str:
    """Store a job, bury it, and return its id."""
    job_id = await lab.put(**fields)
    assert await lab.bury(await lab.one())
    return job_id


class ControlChapter(Chapter):
    """Cancel, look up, count, pause, purge, and the dead letters."""

    # cancel

    async def test_a_queued_job_is_removed(self, lab: Lab) -> None:
        lab.requires(Capability.EXACT_CANCEL)
        job_id, other = await lab.put(), await lab.put()
        assert await lab.broker.cancel(lab.queue, [job_id]) == [Cancelled.REMOVED]
        assert await lab.state(job_id) is JobState.CANCELLED
        assert [lease.id for lease in await lab.claim()] == [other]
        assert sum((await lab.stats()).ready) == 0

    async def test_a_cancelled_job_does_not_start(self, lab: Lab) -> None:
        job_id = await lab.put()
        [answer] = await lab.broker.cancel(lab.queue, [job_id])
        assert answer is not Cancelled.NOT_FOUND
        await lab.none()
        assert await lab.state(job_id) is JobState.CANCELLED

    async def test_a_delayed_job_is_removed(self, lab: Lab) -> None:
        job_id = await lab.put(delay=lab.rig.lease / 2)
        assert await lab.broker.cancel(lab.queue, [job_id]) == [Cancelled.REMOVED]
        await lab.advance(lab.rig.lease)
        await lab.none()
        assert await lab.state(job_id) is JobState.CANCELLED
        assert (await lab.stats()).delayed == 0

    async def test_a_running_job_is_told_at_its_next_renewal(self, lab: Lab) -> None:
        job_id = await lab.put()
        lease = await lab.one()
        assert await lab.broker.cancel(lab.queue, [job_id]) == [Cancelled.SIGNALLED]
        assert await lab.broker.cancel(lab.queue, [job_id]) == [Cancelled.SIGNALLED]
        deadline = lease.deadline
        await lab.advance(lab.rig.lease / 10)
        assert await lab.broker.renew([lease]) == [Held.CANCELLED]
        assert lease.deadline > deadline

    @pytest.mark.parametrize("how", ["release", "reschedule", "crash"])
    async def test_a_cancelled_job_does_not_come_back(self, lab: Lab, how: str) -> None:
        job_id = await lab.put(unique="key")
        lease = await lab.one()
        await lab.broker.cancel(lab.queue, [job_id])
        if how == "release":
            assert await lab.settle(Release(lease)) == [True]
        elif how == "reschedule":
            assert await lab.retry(lease)
        else:
            await lab.lapse()
        await lab.none("worker-b")
        assert await lab.state(job_id) is JobState.CANCELLED
        assert await lab.enqueue(job(unique="key")) == [None]

    @pytest.mark.parametrize("later", ["reschedule", "release"])
    async def test_a_lost_lease_does_not_end_a_cancelled_job_that_another_worker_has(
        self, lab: Lab, later: str
    ) -> None:
        job_id = await lab.put()
        lost = await lab.one("worker-a")
        await lab.lapse()
        lease = await lab.one("worker-b")
        await lab.broker.cancel(lab.queue, [job_id])
        stale = Release(lost) if later == "release" else Reschedule(lost, 0.0, 1, b"")
        assert await lab.settle(stale) == [False]
        assert await lab.broker.renew([lease]) == [Held.CANCELLED]
        assert await lab.settle(Release(lease)) == [True]
        assert await lab.state(job_id) is JobState.CANCELLED

    async def test_a_cancelled_job_that_is_to_be_tried_later_is_over_at_once(
        self, lab: Lab
    ) -> None:
        job_id = await lab.put(unique="key")
        lease = await lab.one()
        await lab.broker.cancel(lab.queue, [job_id])
        assert await lab.retry(lease, delay=3600.0)
        assert await lab.state(job_id) is JobState.CANCELLED
        assert (await lab.stats()).delayed == 0
        assert await lab.enqueue(job(unique="key")) == [None]

    async def test_a_running_job_may_end_all_the_same(self, lab: Lab) -> None:
        job_id = await lab.put()
        lease = await lab.one()
        await lab.broker.cancel(lab.queue, [job_id])
        assert await lab.done(lease, b"result")
        assert await lab.state(job_id) is JobState.SUCCEEDED

    async def test_what_is_over_or_unknown_is_not_found(self, lab: Lab) -> None:
        lab.requires(Capability.EXACT_LOOKUP)
        done, dead, cancelled = [await lab.put() for _ in range(3)]
        first, second, third = await lab.claim(3)
        await lab.done(first)
        await lab.bury(second)
        await lab.settle(Release(third))
        await lab.broker.cancel(lab.queue, [cancelled])
        await lab.none()
        answers = await lab.broker.cancel(lab.queue, [done, dead, cancelled, "unknown"])
        assert answers == [Cancelled.NOT_FOUND] * 4

    @pytest.mark.parametrize("rounds", range(3))
    async def test_cancelling_the_cancellation(self, lab: Lab, rounds: int) -> None:
        job_id = await lab.put()
        await cancel_after(rounds, lab.broker.cancel(lab.queue, [job_id]))
        await lab.broker.cancel(lab.queue, [job_id])
        await lab.none()
        assert await lab.state(job_id) is JobState.CANCELLED

    # lookup

    async def test_a_running_job_is_told_from_a_queued_one(self, lab: Lab) -> None:
        lab.requires(Capability.RUNNING_STATE)
        running, queued = await lab.put(), await lab.put()
        await lab.claim(1)
        assert await lab.state(running) is JobState.RUNNING
        assert await lab.state(queued) is JobState.QUEUED
        await lab.lapse()
        assert await lab.state(running) is JobState.QUEUED

    async def test_many_are_looked_up_in_their_order(self, lab: Lab) -> None:
        lab.requires(Capability.EXACT_LOOKUP)
        first, second = await lab.put(), await lab.put(attempt=2)
        infos = await lab.broker.lookup(lab.queue, [second, "unknown", first])
        assert [info and (info.id, info.attempt) for info in infos] == [
            (second, 2),
            None,
            (first, 0),
        ]

    async def test_a_lookup_waits_until_a_job_is_over(self, lab: Lab) -> None:
        job_id = await lab.put()
        lookup = await waiting_lookup(lab, job_id)
        await lab.done(await lab.one(), b"result")
        [info] = await soon(lookup)
        assert info is not None
        assert (info.state, info.result) == (JobState.SUCCEEDED, b"result")

    @pytest.mark.parametrize("end", ["dead", "cancelled"])
    async def test_a_lookup_wakes_at_any_end(self, lab: Lab, end: str) -> None:
        job_id = await lab.put()
        lookup = await waiting_lookup(lab, job_id)
        if end == "dead":
            await lab.bury(await lab.one())
        else:
            await lab.broker.cancel(lab.queue, [job_id])
            await lab.none()
        [info] = await soon(lookup)
        assert info is not None
        assert info.state == end

    async def test_many_wait_for_one_job(self, lab: Lab) -> None:
        job_id = await lab.put()
        lookups = [await waiting_lookup(lab, job_id) for _ in range(3)]
        await cancel_after(0, lookups.pop())
        await lab.done(await lab.one(), b"result")
        for lookup in lookups:
            [info] = await soon(lookup)
            assert info is not None
            assert info.result == b"result"

    async def test_a_lookup_returns_when_its_wait_is_over(self, lab: Lab) -> None:
        job_id = await lab.put(delay=3600.0)
        lookup = asyncio.create_task(lab.broker.lookup(lab.queue, [job_id], wait=lab.rig.lease / 2))
        await lab.advance(lab.rig.lease)
        [info] = await soon(lookup)
        assert info is not None
        assert info.state is JobState.DELAYED

    async def test_a_lookup_does_not_wait_for_what_is_unknown(self, lab: Lab) -> None:
        lab.requires(Capability.EXACT_LOOKUP)
        assert await soon(lab.broker.lookup(lab.queue, ["unknown"], wait=30.0)) == [None]

    # stats

    async def test_stats_follow_jobs_through_their_life(self, lab: Lab) -> None:
        await lab.enqueue(job(priority=0), job(priority=2), job(priority=2), job(delay=3600.0))
        stats = await lab.stats()
        assert (stats.ready, stats.delayed, stats.running, stats.dead) == ((1, 0, 2), 1, 0, 0)
        assert not stats.paused
        first, second, third = await lab.claim(3)
        stats = await lab.stats()
        assert (stats.ready, stats.delayed, stats.running) == ((0, 0, 0), 1, 3)
        await lab.done(first)
        await lab.bury(second)
        await lab.retry(third, delay=3600.0)
        stats = await lab.stats()
        assert (stats.ready, stats.delayed, stats.running, stats.dead) == ((0, 0, 0), 2, 0, 1)

    async def test_stats_say_how_old_the_oldest_job_is(self, lab: Lab) -> None:
        assert (await lab.stats()).oldest is None
        await lab.put()
        await lab.advance(lab.rig.lease)
        await lab.put()
        oldest = (await lab.stats()).oldest
        assert oldest is not None
        assert lab.rig.lease * 0.9 <= oldest <= lab.rig.lease * 3
        await lab.claim(2)
        assert (await lab.stats()).oldest is None

    # pause

    async def test_a_paused_queue_hands_out_nothing(self, lab: Lab) -> None:
        await lab.put()
        assert await lab.broker.control(lab.queue, Control.PAUSE) == 1
        assert await lab.broker.control(lab.queue, Control.PAUSE) == 0
        assert (await lab.stats()).paused
        await lab.none()
        await lab.put()
        await lab.none()
        assert await lab.broker.control(lab.queue, Control.RESUME) == 1
        assert await lab.broker.control(lab.queue, Control.RESUME) == 0
        assert len(await lab.claim()) == 2

    async def test_a_pause_leaves_running_jobs_alone(self, lab: Lab) -> None:
        await lab.put()
        lease = await lab.one()
        await lab.broker.control(lab.queue, Control.PAUSE)
        assert await lab.broker.renew([lease]) == [Held.OK]
        assert await lab.done(lease)

    async def test_a_resume_wakes_idle_workers(self, lab: Lab) -> None:
        await lab.broker.control(lab.queue, Control.PAUSE)
        job_id = await lab.put()
        claim = asyncio.create_task(lab.broker.claim(lab.queue, "worker-a", 1, 30.0))
        await lab.advance(lab.rig.lease / 20)
        await lab.broker.control(lab.queue, Control.RESUME)
        assert [lease.id for lease in await soon(claim)] == [job_id]

    async def test_another_client_sees_the_same_queue(self, lab: Lab, rig: Rig) -> None:
        other = rig.connect()
        await other.open()
        await other.declare(QueueSpec(name=lab.queue, lease=lab.rig.lease))
        job_id = await lab.put()
        assert sum((await other.stats(lab.queue)).ready) == 1
        await other.control(lab.queue, Control.PAUSE)
        await lab.none()
        await other.control(lab.queue, Control.RESUME)
        [lease] = await other.claim(lab.queue, "worker-b", 1, rig.patience)
        assert lease.id == job_id
        assert await lab.broker.renew([lease]) == [Held.OK]
        await other.close()
        await lab.broker.open()

    # purge

    async def test_purging_what_is_ready(self, lab: Lab) -> None:
        lab.requires(Capability.EXACT_PURGE)
        await lab.put()
        lease = await lab.one()
        ready = [await lab.put(priority=lane) for lane in (0, 1, 2)]
        delayed = await lab.put(delay=3600.0)
        assert await lab.broker.control(lab.queue, Control.PURGE_READY) == 3
        assert await lab.broker.control(lab.queue, Control.PURGE_READY) == 0
        await lab.gone(*ready)
        assert await lab.state(delayed) is JobState.DELAYED
        assert await lab.done(lease)
        stats = await lab.stats()
        assert (sum(stats.ready), stats.delayed, stats.running) == (0, 1, 0)

    async def test_purging_what_is_delayed(self, lab: Lab) -> None:
        ready, delayed = await lab.put(), await lab.put(delay=lab.rig.lease / 2, unique="key")
        assert await lab.broker.control(lab.queue, Control.PURGE_DELAYED) == 1
        await lab.gone(delayed)
        assert await lab.enqueue(job(unique="key", delay=3600.0)) == [None]
        await lab.advance(lab.rig.lease)
        assert [lease.id for lease in await lab.claim()] == [ready]

    async def test_purging_the_dead_letters(self, lab: Lab) -> None:
        for _ in range(2):
            await lab.put()
            await lab.bury(await lab.one())
        assert await lab.broker.control(lab.queue, Control.PURGE_DEAD) == 2
        assert await lab.broker.control(lab.queue, Control.PURGE_DEAD) == 0
        assert await lab.broker.dead(lab.queue) == []
        assert (await lab.stats()).dead == 0

    async def test_a_purge_ends_the_wait_for_a_result(self, lab: Lab) -> None:
        lab.requires(Capability.EXACT_LOOKUP)
        job_id = await lab.put(delay=3600.0)
        lookup = await waiting_lookup(lab, job_id)
        await lab.broker.control(lab.queue, Control.PURGE_DELAYED)
        assert await soon(lookup) == [None]

    # dead letters

    async def test_dead_letters_are_read_in_pages_oldest_first(self, lab: Lab) -> None:
        ids = [await buried(lab) for _ in range(5)]
        page = await lab.broker.dead(lab.queue, limit=2)
        assert [letter.id for letter in page] == ids[:2]
        page = await lab.broker.dead(lab.queue, after=page[-1].cursor, limit=2)
        assert [letter.id for letter in page] == ids[2:4]
        page = await lab.broker.dead(lab.queue, after=page[-1].cursor, limit=2)
        assert [letter.id for letter in page] == ids[4:]
        assert await lab.broker.dead(lab.queue, after=page[-1].cursor) == []

    async def test_a_page_begins_behind_a_letter_that_is_gone(self, lab: Lab) -> None:
        ids = [await buried(lab) for _ in range(4)]
        page = await lab.broker.dead(lab.queue, limit=2)
        assert await lab.broker.redrive(lab.queue, ids[:2]) == 2
        page = await lab.broker.dead(lab.queue, after=page[-1].cursor)
        assert [letter.id for letter in page] == ids[2:]

    async def test_a_dead_letter_can_be_run_again(self, lab: Lab) -> None:
        job_id = await buried(lab, body=b"\x00same", priority=2, attempt=3)
        assert await lab.broker.redrive(lab.queue, [job_id, "unknown"]) == 1
        assert await lab.state(job_id) is JobState.QUEUED
        assert await lab.broker.redrive(lab.queue, [job_id]) == 0
        assert await lab.broker.dead(lab.queue) == []
        lease = await lab.one()
        assert (lease.id, lease.body, lease.priority) == (job_id, b"\x00same", 2)
        assert (lease.attempt, lease.deliveries) == (0, 1)
        assert await lab.done(lease, b"at last")
        assert await lab.state(job_id) is JobState.SUCCEEDED

    async def test_only_what_was_named_is_run_again(self, lab: Lab) -> None:
        first, second = await buried(lab), await buried(lab)
        assert await lab.broker.redrive(lab.queue, [second]) == 1
        assert [letter.id for letter in await lab.broker.dead(lab.queue)] == [first]

    async def test_a_redriven_job_holds_its_unique_key_again(self, lab: Lab) -> None:
        job_id = await buried(lab, unique="key")
        assert await lab.broker.redrive(lab.queue, [job_id]) == 1
        assert await lab.enqueue(job(unique="key")) == [job_id]

    async def test_a_dead_letter_whose_key_is_taken_stays(self, lab: Lab) -> None:
        job_id = await buried(lab, unique="key")
        await lab.put(unique="key")
        assert await lab.broker.redrive(lab.queue, [job_id]) == 0
        assert [letter.id for letter in await lab.broker.dead(lab.queue)] == [job_id]
