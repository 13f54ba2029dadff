"""Jobs offered at a fixed rate."""

from __future__ import annotations

import asyncio
import time

import pytest

from headrace.bench.pace import offer, schedule


def test_jobs_are_due_at_even_distances() -> None:
    assert schedule(10.0, 4.0, 3) == [10.0, 10.25, 10.5]


async def test_each_job_is_sent_when_it_is_due_and_in_order() -> None:
    order: list[int] = []

    async def send(number: int) -> int:
        order.append(number)
        return number * number

    offered = await offer(1_000.0, 20, send)
    assert order == list(range(20))
    assert offered.answers == [number * number for number in range(20)]
    assert all(sent >= due for sent, due in zip(offered.sent, offered.due, strict=True))


async def test_a_broker_that_stalls_is_offered_the_next_jobs_all_the_same() -> None:
    sent: list[int] = []
    last = asyncio.Event()

    async def send(number: int) -> float:
        sent.append(number)
        if number == 4:
            last.set()
        # The first is answered only when the last one was offered.
        await last.wait()
        return time.monotonic()

    offered = await offer(200.0, 5, send)
    assert sent == [0, 1, 2, 3, 4]
    waits = [answer - due for answer, due in zip(offered.answers, offered.due, strict=True)]
    assert waits[0] > waits[4]
    assert waits[0] >= 4 / 200


async def test_a_cancelled_offer_sends_no_more() -> None:
    first = asyncio.Event()
    sent: list[int] = []

    async def send(number: int) -> None:
        sent.append(number)
        first.set()

    offering = asyncio.create_task(offer(5.0, 1_000, send))
    await first.wait()
    offering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await offering
    assert len(sent) < 1_000


async def test_a_job_that_cannot_be_sent_ends_the_offer() -> None:
    async def send(number: int) -> None:
        raise ConnectionError(number)

    with pytest.raises(ConnectionError):
        await offer(1_000.0, 3, send)
