"""Chapter 3: ending deliveries."""

from __future__ import annotations

import pytest

from headrace.durations import LONGEST
from headrace.job import JobState, Lease
from headrace.outcome import Dead, Done, Ended, Outcome, Release, Reschedule
from headrace.testing.conformance.lab import Chapter, Lab, cancel_after, job

HOLDERS_ONLY = ["reschedule", "dead", "release"]


def outcome_of(kind: str, lease: Lease) -> Outcome:
    """Return an outcome by its name."""
    outcomes: dict[str, Outcome] = {
        "done": Done(lease, b"result", 60.0),
        "reschedule": Reschedule(lease, 0.0, lease.attempt + 1, b"again"),
        "dead": Dead(lease, "no good", b"history", lease.attempt + 1, b"why", 60.0),
        "release": Release(lease),
    }
    return outcomes[kind]


class SettleChapter(Chapter):
    """One outcome counts, and it is there as soon as the leased copy is gone."""

    async def test_done(self, lab: Lab) -> None:
        job_id = await lab.put()
        assert await lab.done(await lab.one(), b"\x00result")
        info = await lab.info(job_id)
        assert info is not None
        assert (info.id, info.state, info.result) == (job_id, JobState.SUCCEEDED, b"\x00result")
        stats = await lab.stats()
        assert (sum(stats.ready), stats.running, stats.delayed, stats.dead) == (0, 0, 0, 0)

    async def test_a_result_is_kept_for_its_time(self, lab: Lab) -> None:
        job_id = await lab.put()
        await lab.done(await lab.one(), b"result", ttl=lab.rig.lease)
        assert await lab.state(job_id) is JobState.SUCCEEDED
        await lab.advance(lab.rig.lease * 2)
        await lab.gone(job_id)

    async def test_the_longest_times_are_taken(self, lab: Lab) -> None:
        kept, again = (
            await lab.put(),
            await lab.put(expires=LONGEST, unique="u", unique_for=LONGEST),
        )
        leases = {lease.id: lease for lease in await lab.claim(2)}
        done, later = Done(leases[kept], b"", LONGEST), Reschedule(leases[again], LONGEST, 1, b"")
        assert await lab.settle(done, later) == [True, True]
        assert await lab.state(kept) is JobState.SUCCEEDED
        assert await lab.state(again) is JobState.DELAYED

    async def test_without_a_time_nothing_is_kept(self, lab: Lab) -> None:
        job_id = await lab.put()
        assert await lab.done(await lab.one(), None, ttl=0.0)
        await lab.gone(job_id)

    @pytest.mark.parametrize("state", [JobState.CANCELLED, JobState.EXPIRED])
    async def test_done_can_tell_another_end(self, lab: Lab, state: Ended) -> None:
        job_id = await lab.put()
        assert await lab.settle(Done(await lab.one(), None, 60.0, state)) == [True]
        assert await lab.state(job_id) is state

    async def test_reschedule_now(self, lab: Lab) -> None:
        job_id = await lab.put(body=b"same", priority=2, meta=b"old")
        assert await lab.settle(Reschedule(await lab.one(), 0.0, 5, b"new")) == [True]
        lease = await lab.one("worker-b")
        assert (lease.id, lease.body, lease.priority) == (job_id, b"same", 2)
        assert (lease.attempt, lease.meta, lease.deliveries) == (5, b"new", 1)

    async def test_reschedule_later(self, lab: Lab) -> None:
        job_id = await lab.put()
        assert await lab.settle(Reschedule(await lab.one(), lab.rig.lease, 1, b"new")) == [True]
        assert await lab.state(job_id) is JobState.DELAYED
        await lab.none()
        await lab.advance(lab.rig.lease * 1.1)
        lease = await lab.one()
        assert (lease.id, lease.attempt, lease.meta, lease.deliveries) == (job_id, 1, b"new", 1)

    async def test_dead(self, lab: Lab) -> None:
        job_id = await lab.put(body=b"\x00same", priority=2)
        assert await lab.bury(await lab.one(), "no good")
        info = await lab.info(job_id)
        assert info is not None
        assert (info.state, info.attempt, info.result) == (JobState.DEAD, 1, b"why")
        [letter] = await lab.broker.dead(lab.queue)
        assert (letter.id, letter.body, letter.reason) == (job_id, b"\x00same", "no good")
        assert (letter.meta, letter.attempt, letter.deliveries) == (b"history", 1, 1)
        assert letter.priority == 2
        await lab.none()

    async def test_a_dead_letter_outlives_its_result(self, lab: Lab) -> None:
        job_id = await lab.put()
        lease = await lab.one()
        assert await lab.settle(Dead(lease, "no good", b"", 1, b"why", lab.rig.lease)) == [True]
        await lab.advance(lab.rig.lease * 2)
        info = await lab.info(job_id)
        assert info is not None
        assert (info.state, info.result) == (JobState.DEAD, None)
        assert len(await lab.broker.dead(lab.queue)) == 1

    async def test_release(self, lab: Lab) -> None:
        job_id = await lab.put(attempt=2, meta=b"kept", priority=0)
        assert await lab.settle(Release(await lab.one("worker-a"))) == [True]
        lease = await lab.one("worker-b")
        assert (lease.id, lease.attempt, lease.meta, lease.priority) == (job_id, 2, b"kept", 0)
        assert lease.deliveries == 1

    async def test_a_batch_of_all_kinds(self, lab: Lab) -> None:
        ids = [await lab.put() for _ in range(5)]
        lost, *_ = leases = await lab.claim(5)
        await lab.done(lost)
        outcomes = [
            outcome_of(kind, lease)
            for kind, lease in zip(
                ["release", "done", "reschedule", "dead", "release"], leases, strict=True
            )
        ]
        assert await lab.settle(*outcomes) == [False, True, True, True, True]
        states = [await lab.state(job_id) for job_id in ids]
        assert states == ["succeeded", "succeeded", "queued", "dead", "queued"]

    async def test_settling_nothing(self, lab: Lab) -> None:
        assert await lab.settle() == []

    @pytest.mark.parametrize("kind", ["done", *HOLDERS_ONLY])
    async def test_twice_changes_nothing_more(self, lab: Lab, kind: str) -> None:
        job_id = await lab.put()
        outcome = outcome_of(kind, await lab.one())
        assert await lab.settle(outcome) == [True]
        info, stats = await lab.info(job_id), await lab.stats()
        await lab.settle(outcome)
        assert await lab.info(job_id) == info
        again = await lab.stats()
        assert (again.ready, again.delayed, again.running, again.dead) == (
            stats.ready,
            stats.delayed,
            stats.running,
            stats.dead,
        )

    @pytest.mark.parametrize("kind", ["done", *HOLDERS_ONLY])
    @pytest.mark.parametrize("rounds", range(3))
    async def test_cancelled_and_repeated_it_counts_once(
        self, lab: Lab, kind: str, rounds: int
    ) -> None:
        await lab.put()
        outcome = outcome_of(kind, await lab.one())
        await cancel_after(rounds, lab.settle(outcome))
        await lab.settle(outcome)
        stats = await lab.stats()
        copies = sum(stats.ready) + stats.delayed + stats.running
        assert (copies, stats.dead) == {"done": (0, 0), "dead": (0, 1)}.get(kind, (1, 0))

    async def test_the_first_done_wins_even_from_a_lost_lease(self, lab: Lab) -> None:
        job_id = await lab.put()
        slow = await lab.one("worker-a")
        await lab.lapse()
        fast = await lab.one("worker-b")
        assert await lab.done(slow, b"slow")
        assert not await lab.done(fast, b"fast")
        info = await lab.info(job_id)
        assert info is not None
        assert info.result == b"slow"
        await lab.lapse()
        await lab.none()

    async def test_the_second_done_is_refused(self, lab: Lab) -> None:
        job_id = await lab.put()
        slow = await lab.one("worker-a")
        await lab.lapse()
        assert await lab.done(await lab.one("worker-b"), b"fast")
        assert not await lab.done(slow, b"slow")
        info = await lab.info(job_id)
        assert info is not None
        assert info.result == b"fast"

    @pytest.mark.parametrize("kind", HOLDERS_ONLY)
    async def test_a_lost_lease_settles_nothing_else(self, lab: Lab, kind: str) -> None:
        job_id = await lab.put()
        stale = await lab.one("worker-a")
        await lab.lapse()
        current = await lab.one("worker-b")
        assert await lab.settle(outcome_of(kind, stale)) == [False]
        assert await lab.broker.dead(lab.queue) == []
        await lab.none("worker-c")
        assert await lab.done(current, b"right")
        info = await lab.info(job_id)
        assert info is not None
        assert (info.state, info.attempt, info.result) == (JobState.SUCCEEDED, 0, b"right")

    @pytest.mark.parametrize("kind", ["done", *HOLDERS_ONLY])
    @pytest.mark.parametrize("later", ["reschedule", "release"])
    async def test_a_lease_of_an_older_copy_settles_nothing(
        self, lab: Lab, kind: str, later: str
    ) -> None:
        job_id = await lab.put()
        old = await lab.one("worker-a")
        assert await lab.settle(outcome_of(later, old)) == [True]
        current = await lab.one("worker-b")
        [counts] = await lab.settle(outcome_of(kind, old))
        assert not counts or kind == later, "only a repetition may be told that it counts"
        assert await lab.broker.dead(lab.queue) == []
        await lab.none("worker-c")
        assert await lab.done(current, b"right")
        assert await lab.state(job_id) is JobState.SUCCEEDED

    async def test_many_at_once(self, lab: Lab) -> None:
        await lab.enqueue(*(job() for _ in range(500)))
        leases = await lab.claim(500)
        assert await lab.settle(*(Done(lease, b"r", 60.0) for lease in leases)) == [True] * 500
        stats = await lab.stats()
        assert (sum(stats.ready), stats.running) == (0, 0)
