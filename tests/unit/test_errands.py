from __future__ import annotations

import asyncio

import pytest

from headrace.errands import Errands
from headrace.testing import ManualClock


class Call:
    """A call that goes on until it is let go."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.done = False

    async def __call__(self, fails: bool = False) -> str:
        await self.go_on.wait()
        self.done = True
        if fails:
            raise ValueError("no good")
        return "what it took"


async def cancelled(call: asyncio.Task[str], clock: ManualClock) -> None:
    """Let a call begin, and cancel who made it."""
    await clock.settle()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_what_a_call_returns_goes_to_who_waits() -> None:
    errands, call, undone = Errands("test"), Call(), list[str]()
    call.go_on.set()
    assert await errands.finish(call(), undone.append) == "what it took"
    with pytest.raises(ValueError, match="no good"):
        await errands.finish(call(fails=True), undone.append)
    await errands.ended()
    assert undone == []


async def test_a_call_whose_caller_is_cancelled_is_finished_and_undone(clock: ManualClock) -> None:
    errands, call, undone = Errands("test"), Call(), list[str]()
    await cancelled(asyncio.create_task(errands.finish(call(), undone.append)), clock)
    assert not call.done
    call.go_on.set()
    await errands.ended()
    assert (call.done, undone) == (True, ["what it took"])


async def test_a_call_that_fails_behind_its_caller_leaves_nothing_to_undo(
    clock: ManualClock,
) -> None:
    errands, call, undone = Errands("test"), Call(), list[str]()
    await cancelled(asyncio.create_task(errands.finish(call(fails=True), undone.append)), clock)
    call.go_on.set()
    await errands.ended()
    assert (call.done, undone) == (True, [])


async def test_what_an_undoing_starts_is_waited_for_too(clock: ManualClock) -> None:
    errands, call, back = Errands("test"), Call(), Call()
    undoing = errands.finish(call(), lambda _: errands.start(back()))
    await cancelled(asyncio.create_task(undoing), clock)
    ending = asyncio.create_task(errands.ended())
    call.go_on.set()
    await clock.settle()
    assert (call.done, ending.done()) == (True, False)
    back.go_on.set()
    await ending
    assert back.done


async def test_who_is_cancelled_while_waiting_stops_nothing(clock: ManualClock) -> None:
    errands, call = Errands("test"), Call()
    errands.start(call())
    ending = asyncio.create_task(errands.ended())
    await clock.settle()
    ending.cancel()
    await asyncio.wait([ending])
    call.go_on.set()
    await errands.ended()
    assert call.done
