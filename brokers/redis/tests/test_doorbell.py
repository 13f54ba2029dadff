"""The doorbell: one read for all who wait, never cancelled, and nothing that it brings is lost."""

from __future__ import annotations

import asyncio

import pytest

from headrace import Unavailable
from headrace.job import Lease
from headrace_redis.doorbell import Doorbell
from headrace_redis.wire import lease_from

pytestmark = pytest.mark.anyio


def lease(number: int = 0) -> Lease:
    found = lease_from("q", "me", 5.0, 0, f"{number}-0", [b"i", b"a", b"b", b""])
    assert found is not None
    return found


class Door:
    """Reads end when the test says so."""

    def __init__(self) -> None:
        self.reads: list[asyncio.Future[Lease | None]] = []
        self.given_back: list[Lease] = []
        self.bell = Doorbell(self._read, self.given_back.append)

    async def _read(self, seconds: float) -> Lease | None:
        self.reads.append(asyncio.get_running_loop().create_future())
        return await self.reads[-1]

    async def wait(self, callers: int = 1) -> list[asyncio.Task[Lease | None]]:
        tasks = [asyncio.create_task(self.bell.ring(1.0)) for _ in range(callers)]
        await rounds()
        return tasks


async def rounds() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_who_waits_gets_what_comes() -> None:
    door = Door()
    [caller] = await door.wait()
    door.reads[0].set_result(one := lease())
    assert await caller is one
    assert door.given_back == []


async def test_one_read_serves_all_and_the_first_gets_the_job() -> None:
    door = Door()
    callers = await door.wait(3)
    assert len(door.reads) == 1
    door.reads[0].set_result(one := lease())
    assert await asyncio.gather(*callers) == [one, None, None]


async def test_all_are_told_that_the_time_is_up() -> None:
    door = Door()
    callers = await door.wait(2)
    door.reads[0].set_result(None)
    assert await asyncio.gather(*callers) == [None, None]


async def test_who_is_cancelled_leaves_the_read_alone() -> None:
    door = Door()
    [first, second] = await door.wait(2)
    first.cancel()
    await rounds()
    assert not door.reads[0].done()
    door.reads[0].set_result(one := lease())
    assert await second is one
    assert first.cancelled()


async def test_what_nobody_waits_for_any_more_is_given_back() -> None:
    door = Door()
    [caller] = await door.wait()
    caller.cancel()
    await rounds()
    door.reads[0].set_result(one := lease())
    await rounds()
    assert door.given_back == [one]


@pytest.mark.parametrize("others", [0, 1])
async def test_who_is_cancelled_with_a_job_in_hand_passes_it_on(others: int) -> None:
    door = Door()
    [caller] = await door.wait()
    door.reads[0].set_result(one := lease())
    waiting = [asyncio.create_task(door.bell.ring(1.0)) for _ in range(others)]
    await asyncio.sleep(0)  # the read has ended, and its caller is to wake in the next round
    caller.cancel()
    await rounds()
    assert caller.cancelled()
    if others:
        assert await waiting[0] is one
        assert door.given_back == []
        door.reads[1].set_result(None)
        await door.bell.close()
    else:
        assert door.given_back == [one]


async def test_who_is_cancelled_when_nothing_came_passes_nothing_on() -> None:
    door = Door()
    [caller] = await door.wait()
    door.reads[0].set_result(None)
    await asyncio.sleep(0)
    caller.cancel()
    await rounds()
    assert (caller.cancelled(), door.given_back) == (True, [])


async def test_all_are_told_what_went_wrong_and_the_next_one_reads_anew() -> None:
    door = Door()
    callers = await door.wait(2)
    callers[0].cancel()
    await rounds()
    door.reads[0].set_exception(Unavailable("gone"))
    with pytest.raises(Unavailable, match="gone"):
        await callers[1]
    [caller] = await door.wait()
    door.reads[1].set_result(one := lease(1))
    assert await caller is one


async def test_a_caller_that_is_cancelled_as_the_read_fails_keeps_nobody_from_being_told() -> None:
    door = Door()
    [first, second] = await door.wait(2)
    door.reads[0].set_exception(Unavailable("gone"))
    first.cancel()
    with pytest.raises(Unavailable):
        await second
    assert first.cancelled()


async def test_closing_waits_for_the_read() -> None:
    door = Door()
    await door.bell.close()
    [caller] = await door.wait()
    closing = asyncio.create_task(door.bell.close())
    await rounds()
    assert not closing.done()
    door.reads[0].set_result(None)
    await closing
    assert await caller is None
