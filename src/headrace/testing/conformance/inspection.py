"""Chapter 7: looking at a server without changing it."""

from __future__ import annotations

import asyncio

import pytest

from headrace.broker import Held, QueueSpec
from headrace.finding import Finding, Verdict
from headrace.ids import new_id
from headrace.testing.conformance.lab import Chapter, Lab, Rig, cancel_after, soon


def check(findings: list[Finding], rig: Rig) -> None:
    """Make sure that findings say something, and not too much."""
    assert findings
    for finding in findings:
        assert finding.check
        assert finding.detail
        assert isinstance(finding.verdict, Verdict)
        text = f"{finding.check} {finding.detail} {finding.remedy}"
        assert not rig.secret or rig.secret not in text, "a finding shows the password"


class InspectionChapter(Chapter):
    """Declared queues are listed, and a doctor's look changes nothing."""

    # queues

    async def test_a_declared_queue_is_listed(self, lab: Lab) -> None:
        name = f"q-{new_id()}"
        lease = lab.rig.lease + 1
        await lab.broker.declare(QueueSpec(name=name, lease=lease, lanes=2))
        listed = {spec.name: (spec.lease, spec.lanes) for spec in await lab.broker.queues()}
        assert listed[name] == (lease, 2)
        assert listed[lab.queue] == (lab.rig.lease, 3)

    async def test_queues_are_listed_once_and_by_name(self, lab: Lab) -> None:
        await lab.broker.declare(QueueSpec(name=lab.queue, lease=lab.rig.lease))
        for _ in range(3):
            await lab.broker.declare(QueueSpec(name=f"q-{new_id()[::-1]}", lease=lab.rig.lease))
        names = [spec.name for spec in await lab.broker.queues()]
        assert names == sorted(set(names))

    async def test_another_client_lists_the_same_queues(self, lab: Lab, rig: Rig) -> None:
        other = rig.connect()
        await other.open()
        assert lab.queue in [spec.name for spec in await other.queues()]
        await other.close()
        await lab.broker.open()

    async def test_what_was_never_declared_is_not_listed(self, lab: Lab) -> None:
        await lab.put()
        names = {spec.name for spec in await lab.broker.queues()}
        assert f"{lab.queue}-2" not in names
        await lab.broker.examine()
        assert {spec.name for spec in await lab.broker.queues()} >= names

    @pytest.mark.parametrize("rounds", range(3))
    async def test_a_cancelled_look_leaves_nothing(self, lab: Lab, rounds: int) -> None:
        job_id = await lab.put()
        await cancel_after(rounds, lab.broker.queues())
        await cancel_after(rounds, lab.broker.examine())
        assert lab.queue in [spec.name for spec in await lab.broker.queues()]
        assert (await lab.one()).id == job_id

    # examine

    async def test_an_open_broker_is_examined(self, lab: Lab) -> None:
        findings = await soon(lab.broker.examine())
        check(findings, lab.rig)
        assert [one for one in findings if one.verdict is Verdict.REFUSED] == []

    async def test_a_closed_broker_is_examined_and_can_be_opened(self, lab: Lab, rig: Rig) -> None:
        job_id = await lab.put()
        await lab.broker.close()
        for broker in (rig.connect(), lab.broker):
            findings = await soon(broker.examine())
            check(findings, rig)
            assert [one for one in findings if one.verdict is Verdict.REFUSED] == []
        await lab.broker.open()
        assert (await lab.one()).id == job_id

    async def test_a_broker_that_is_opened_by_two_at_once_is_opened_once(self, lab: Lab) -> None:
        job_id = await lab.put()
        await lab.broker.close()
        # What the second one connected would be left over: a `ResourceWarning` tells.
        await asyncio.gather(lab.broker.open(), lab.broker.open())
        assert (await lab.one()).id == job_id

    async def test_examining_changes_nothing(self, lab: Lab) -> None:
        await lab.put()
        lease = await lab.one()
        await lab.put()
        await lab.put(delay=3600.0)
        before = await lab.stats()
        first, second = await lab.broker.examine(), await lab.broker.examine()
        assert [one.check for one in first] == [one.check for one in second]
        after = await lab.stats()
        assert (after.ready, after.delayed, after.running, after.dead, after.paused) == (
            before.ready,
            before.delayed,
            before.running,
            before.dead,
            before.paused,
        )
        assert await lab.broker.renew([lease]) == [Held.OK]
        assert await lab.done(lease)
        assert len(await lab.claim()) == 1

    async def test_a_server_that_cannot_be_reached_is_a_finding(self, rig: Rig) -> None:
        if rig.unreachable is None:
            pytest.skip("the rig says that its server is always there")
        broker = rig.unreachable()
        findings = await broker.examine()
        check(findings, rig)
        assert Verdict.REFUSED in [one.verdict for one in findings]
        await broker.close()
