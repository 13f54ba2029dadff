"""Chapter 1: storing jobs."""

from __future__ import annotations

import pytest

from headrace.broker import Capability, Control, QueueSpec
from headrace.errors import Rejected
from headrace.ids import new_id
from headrace.job import JobState
from headrace.outcome import Dead, Done, Outcome, Release, Reschedule
from headrace.testing.conformance.lab import Chapter, Lab, cancel_after, job


class EnqueueChapter(Chapter):
    """A job that was accepted is stored once, as it was given."""

    async def test_a_job_comes_out_as_it_went_in(self, lab: Lab) -> None:
        body = bytes(range(256))
        job_id = await lab.put(body=body, meta=b"\x00meta", priority=2, attempt=3)
        lease = await lab.one()
        assert (lease.queue, lease.id, lease.body) == (lab.queue, job_id, body)
        assert (lease.meta, lease.priority, lease.attempt) == (b"\x00meta", 2, 3)
        assert lease.deliveries == 1

    @pytest.mark.parametrize("size", [0, 1, 64 * 1024, 512 * 1024])
    async def test_bodies_of_any_size(self, lab: Lab, size: int) -> None:
        body = b"\xff" * size
        await lab.put(body=body)
        assert (await lab.one()).body == body

    async def test_a_batch_is_stored_in_its_order(self, lab: Lab) -> None:
        jobs = [job(body=str(number).encode()) for number in range(500)]
        assert await lab.enqueue(*jobs) == [None] * 500
        leases = await lab.claim(500)
        assert [lease.id for lease in leases] == [one.id for one in jobs]

    async def test_enqueueing_nothing(self, lab: Lab) -> None:
        assert await lab.enqueue() == []

    async def test_the_same_batch_twice_is_stored_once(self, lab: Lab) -> None:
        jobs, batch = [job(), job(delay=60.0), job(unique="key")], new_id()
        first = await lab.enqueue(*jobs, batch=batch)
        assert await lab.enqueue(*jobs, batch=batch) == first == [None, None, None]
        stats = await lab.stats()
        assert (sum(stats.ready), stats.delayed) == (2, 1)

    async def test_the_same_batch_twice_tells_again_what_was_there(self, lab: Lab) -> None:
        holder, batch = await lab.put(unique="key"), new_id()
        jobs = [job(), job(unique="key"), job()]
        first = await lab.enqueue(*jobs, batch=batch)
        assert await lab.enqueue(*jobs, batch=batch) == first == [None, holder, None]

    async def test_the_same_batch_is_not_stored_again_when_its_jobs_are_over(
        self, lab: Lab
    ) -> None:
        jobs, batch = [job(), job()], new_id()
        first = await lab.enqueue(*jobs, batch=batch)
        for lease in await lab.claim(2):
            await lab.done(lease, ttl=0.0)
        assert await lab.enqueue(*jobs, batch=batch) == first
        await lab.none()

    @pytest.mark.parametrize("rounds", range(4))
    async def test_cancelled_and_repeated_it_is_stored_once(self, lab: Lab, rounds: int) -> None:
        jobs, batch = [job(), job()], new_id()
        await cancel_after(rounds, lab.enqueue(*jobs, batch=batch))
        assert await lab.enqueue(*jobs, batch=batch) == [None, None]
        leases = await lab.claim()
        assert [lease.id for lease in leases] == [one.id for one in jobs]

    @pytest.mark.parametrize("state", ["queued", "delayed", "running", "retried", "done", "dead"])
    async def test_an_id_that_is_there_is_not_stored_twice(self, lab: Lab, state: str) -> None:
        if state not in ("delayed", "done", "dead"):
            lab.requires(Capability.EXACT_LOOKUP)
        job_id = await lab.put(delay=3600.0 if state == "delayed" else 0.0)
        if state not in ("queued", "delayed"):
            lease = await lab.one()
            if state == "retried":
                await lab.retry(lease, delay=3600.0)
            elif state == "done":
                await lab.done(lease)
            elif state == "dead":
                await lab.bury(lease)
        before = await lab.stats()
        assert await lab.enqueue(job(job_id, body=b"other")) == [job_id]
        after = await lab.stats()
        assert (after.ready, after.delayed, after.running) == (
            before.ready,
            before.delayed,
            before.running,
        )

    async def test_an_id_twice_in_one_batch_is_stored_once(self, lab: Lab) -> None:
        assert await lab.enqueue(job("twice", body=b"1"), job("twice", body=b"2")) == [
            None,
            "twice",
        ]
        assert [lease.body for lease in await lab.claim()] == [b"1"]

    async def test_a_batch_stores_what_is_new_among_what_is_there(self, lab: Lab) -> None:
        done = await lab.put()
        await lab.done(await lab.one())
        dead = await lab.put()
        await lab.bury(await lab.one())
        delayed = await lab.put(delay=3600.0)
        new, keyed, late = [job(), job(), job()], job(unique="key"), job(delay=3600.0)
        batch = [new[0], job(done), new[1], job(dead), late, job(delayed), keyed, new[2]]
        assert await lab.enqueue(*batch) == [None, done, None, dead, None, delayed, None, None]
        leases = await lab.claim(len(batch))
        assert {lease.id for lease in leases} == {one.id for one in (*new, keyed)}
        assert (await lab.stats()).delayed == 2

    async def test_an_id_is_free_when_its_result_is_not_kept(self, lab: Lab) -> None:
        await lab.put(job_id="again")
        old = await lab.one()
        await lab.done(old, ttl=0.0)
        assert await lab.enqueue(job("again", body=b"new")) == [None]
        assert not await lab.done(old, b"stale"), "a lease of the first life settled the second"
        assert (await lab.one()).body == b"new"

    @pytest.mark.parametrize("bad", ["", "a.b", "a b", "ä", "x" * 65, "a/b", "a\n"])
    async def test_a_bad_id_is_rejected_and_nothing_is_stored(self, lab: Lab, bad: str) -> None:
        with pytest.raises(Rejected) as caught:
            await lab.enqueue(job(), job(bad))
        assert caught.value.job_id == bad
        await lab.none()

    async def test_a_lane_that_is_not_there_is_rejected(self, lab: Lab) -> None:
        with pytest.raises(Rejected) as caught:
            await lab.enqueue(job(), job("no-lane", priority=3))
        assert caught.value.job_id == "no-lane"
        await lab.none()

    async def test_queues_are_apart(self, lab: Lab) -> None:
        other = QueueSpec(name=new_id(), lease=lab.rig.lease)
        await lab.broker.declare(other)
        assert await lab.broker.enqueue(
            other.name, [job("same", unique="key")], batch=new_id()
        ) == [None]
        assert await lab.enqueue(job("same", unique="key")) == [None]
        assert [lease.queue for lease in await lab.claim()] == [lab.queue]

    # unique keys

    async def test_a_unique_key_is_held_by_one_job(self, lab: Lab) -> None:
        holder = await lab.put(unique="key")
        assert await lab.enqueue(job(unique="key"), job(unique="other")) == [holder, None]
        assert len(await lab.claim()) == 2

    async def test_a_unique_key_twice_in_one_batch(self, lab: Lab) -> None:
        first, second = job(unique="key"), job(unique="key")
        assert await lab.enqueue(first, second) == [None, first.id]

    async def test_a_unique_key_is_held_while_its_job_is_delayed(self, lab: Lab) -> None:
        holder = await lab.put(unique="key", delay=3600.0)
        assert await lab.enqueue(job(unique="key")) == [holder]

    async def test_a_unique_key_is_held_while_its_job_runs_and_is_retried(self, lab: Lab) -> None:
        holder = await lab.put(unique="key")
        await lab.retry(await lab.one())
        assert await lab.enqueue(job(unique="key")) == [holder]
        lease = await lab.one()
        assert await lab.enqueue(job(unique="key")) == [holder]
        await lab.settle(Release(lease))
        assert await lab.enqueue(job(unique="key")) == [holder]
        await lab.retry(await lab.one(), delay=3600.0)
        assert await lab.enqueue(job(unique="key")) == [holder]

    async def test_a_unique_key_is_held_when_a_worker_dies(self, lab: Lab) -> None:
        holder = await lab.put(unique="key")
        await lab.one("worker-that-dies")
        await lab.lapse()
        assert await lab.enqueue(job(unique="key")) == [holder]
        await lab.done(await lab.one())
        assert await lab.enqueue(job(unique="key")) == [None]

    @pytest.mark.parametrize("end", ["done", "dead", "cancelled", "expired", "purged"])
    async def test_a_unique_key_is_free_when_its_job_is_over(self, lab: Lab, end: str) -> None:
        expires = lab.rig.lease / 2 if end == "expired" else None
        holder = await lab.put(unique="key", expires=expires)
        if end == "done":
            await lab.done(await lab.one())
        elif end == "dead":
            await lab.bury(await lab.one())
        elif end == "cancelled":
            await lab.broker.cancel(lab.queue, [holder])
        elif end == "expired":
            await lab.lapse()
        else:
            await lab.broker.control(lab.queue, Control.PURGE_READY)
        if end in ("cancelled", "expired"):
            await lab.none()
        assert await lab.enqueue(job(unique="key")) == [None]

    @pytest.mark.parametrize("end", ["done", "dead", "retry"])
    async def test_a_stale_lease_does_not_free_the_key_of_another_job(
        self, lab: Lab, end: str
    ) -> None:
        await lab.put(unique="key")
        stale = await lab.one("worker-a")
        await lab.lapse()
        await lab.done(await lab.one("worker-b"))
        second = await lab.put(unique="key")
        outcomes: dict[str, Outcome] = {
            "done": Done(stale),
            "dead": Dead(stale, "late", b"", 1),
            "retry": Reschedule(stale, 0.0, 1, b""),
        }
        assert await lab.settle(outcomes[end]) == [False]
        assert await lab.enqueue(job(unique="key")) == [second]

    async def test_a_unique_key_can_be_held_for_a_time(self, lab: Lab) -> None:
        holder = await lab.put(unique="key", unique_for=lab.rig.lease)
        await lab.done(await lab.one())
        assert await lab.enqueue(job(unique="key")) == [holder]
        await lab.advance(lab.rig.lease * 1.1)
        assert await lab.enqueue(job(unique="key")) == [None]

    async def test_a_unique_key_held_for_a_time_is_free_before_its_job_is_over(
        self, lab: Lab
    ) -> None:
        await lab.put(unique="key", unique_for=lab.rig.lease / 2, delay=3600.0)
        await lab.advance(lab.rig.lease)
        assert await lab.enqueue(job(unique="key")) == [None]

    async def test_the_state_of_a_new_job(self, lab: Lab) -> None:
        queued, delayed = await lab.put(), await lab.put(delay=3600.0)
        assert await lab.state(queued) is JobState.QUEUED
        assert await lab.state(delayed) is JobState.DELAYED
