"""The chapters of the public suite on one Redis server, with leases as short as they can be.

Not collected by itself: `python -m tests.mutation` names it.
"""

from __future__ import annotations

import os

import pytest

from headrace.testing.conformance import Rig
from headrace.testing.conformance.claim import ClaimChapter
from headrace.testing.conformance.control import ControlChapter
from headrace.testing.conformance.enqueue import EnqueueChapter
from headrace.testing.conformance.inspection import InspectionChapter
from headrace.testing.conformance.lease import LeaseChapter
from headrace.testing.conformance.schedule import ScheduleChapter
from headrace.testing.conformance.settle import SettleChapter
from headrace_redis import RedisBroker
from tests.mutation.redis_url import VARIABLE


class OnRedis:
    """Puts a chapter on the server of the trial."""

    query = ""

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    @pytest.fixture
    def rig(self) -> Rig:
        url = os.environ[VARIABLE] + self.query
        return Rig(connect=lambda: RedisBroker(url), lease=0.5, patience=0.1)


class TestEnqueueChapter(OnRedis, EnqueueChapter): ...


class TestSettleChapter(OnRedis, SettleChapter): ...


class TestControlChapter(OnRedis, ControlChapter): ...


class TestClaimChapter(OnRedis, ClaimChapter): ...


class TestScheduleChapter(OnRedis, ScheduleChapter): ...


class TestInspectionChapter(OnRedis, InspectionChapter): ...


class TestLeaseChapter(OnRedis, LeaseChapter): ...


class Untracked(OnRedis):
    """Without the index of ids."""

    query = "?track=no&prefix=untracked"


class TestUntrackedEnqueueChapter(Untracked, EnqueueChapter): ...


class TestUntrackedControlChapter(Untracked, ControlChapter): ...
