"""The operator's commands on a real server, as real processes."""

from __future__ import annotations

from headrace import Queue
from tests.command import headrace, told
from tests.faults.conftest import Start
from tests.live import Working


async def test_a_queue_is_looked_at_paused_and_mended(start: Start, working: Working) -> None:
    url = start().url
    queue = Queue(url)

    @queue.task(retry=None)
    async def fails() -> None:
        raise ValueError("no good")

    @queue.task
    async def double(number: int) -> int:
        return 2 * number

    async with queue, working(queue):
        code, out, _ = await headrace("enqueue", url, "double", "21", "--wait", "30")
        assert (code, out.splitlines()[-1]) == (0, "42")
        code, _, _ = await headrace("enqueue", url, "fails", "--wait", "30")
        assert code == 1
    [info] = await told("info", url)
    assert (info["queue"], info["dead"], info["paused"]) == ("default", 1, False)
    [letter] = await told("dead", "list", url)
    assert letter["task"] == "fails"
    assert (await headrace("pause", url))[0] == 0
    assert (await headrace("dead", "requeue", url, letter["id"]))[0] == 0
    [info] = await told("info", url)
    assert (sum(info["ready"]), info["dead"], info["paused"]) == (1, 0, True)
    assert (await headrace("resume", url))[0] == 0
    assert (await headrace("purge", url, "--yes"))[0] == 0
    [info] = await told("info", url)
    assert (sum(info["ready"]), info["paused"]) == (0, False)
