from __future__ import annotations

import asyncio

from headrace.deadlines import Deadlines

SOON = 0.05
FOREVER = 3600.0


async def test_what_takes_too_long_expires_once_and_the_oldest_first() -> None:
    deadlines, expired, over = Deadlines(SOON), list[str](), asyncio.Event()
    first = deadlines.add(lambda: expired.append("first"))
    second = deadlines.add(lambda: expired.append("second"))
    deadlines.add(over.set)
    assert deadlines.remove(second)
    await over.wait()
    assert expired == ["first"]
    assert not deadlines.remove(first)


async def test_the_timer_goes_on_with_what_came_later() -> None:
    deadlines, expired, second = Deadlines(SOON), list[str](), asyncio.Event()
    deadlines.add(lambda: expired.append("first"))
    loop = asyncio.get_running_loop()
    loop.call_later(SOON / 2, deadlines.add, second.set)
    await second.wait()
    assert expired == ["first"]
    # And after a pause with nothing to watch.
    third = asyncio.Event()
    deadlines.add(third.set)
    await third.wait()


async def test_who_is_in_time_is_told_so_and_nothing_expires_after_the_end() -> None:
    deadlines, expired = Deadlines(FOREVER), list[str]()
    number = deadlines.add(lambda: expired.append("a"))
    assert deadlines.remove(number)
    assert not deadlines.remove(number)
    left = deadlines.add(lambda: expired.append("b"))
    deadlines.close()
    deadlines.close()
    assert not deadlines.remove(left)
    assert expired == []
