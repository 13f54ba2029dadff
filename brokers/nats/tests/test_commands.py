"""The operator's commands on a real server, as real processes: what they say and exit with."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import msgspec
import pytest

from brokers.nats.tests.conftest import Start
from headrace import Queue, Worker
from tests.servers import NatsServer, free_port


async def headrace(*args: str) -> tuple[int, str, str]:
    """Run a command to its end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "headrace", *args),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def told(*args: str) -> list[dict[str, Any]]:
    """Return what a command says with `--json`."""
    code, out, err = await headrace(*args, "--json")
    assert code == 0, err
    return [msgspec.json.decode(line) for line in out.splitlines()]


@pytest.mark.anyio
async def test_a_queue_is_looked_at_paused_and_mended(start: Start) -> None:
    url = start().url
    queue = Queue(url)

    @queue.task(retry=None)
    async def fails() -> None:
        raise ValueError("no good")

    @queue.task
    async def double(number: int) -> int:
        return 2 * number

    async with queue:
        worker = Worker(queue)
        running = asyncio.create_task(worker.run(signals=False))
        code, out, _ = await headrace("enqueue", url, "double", "21", "--wait", "30")
        assert (code, out.splitlines()[-1]) == (0, "42")
        code, _, _ = await headrace("enqueue", url, "fails", "--wait", "30")
        assert code == 1
        worker.stop()
        await running
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


@pytest.mark.anyio
async def test_the_doctor_says_what_is_wrong(node: NatsServer, start: Start) -> None:
    findings = await told("doctor", node.url)
    warned = [one["check"] for one in findings if one["verdict"] == "warning"]
    assert warned == ["replicas", "sync_interval"]
    server = start(accounts={"plain": {"users": [{"user": "app", "password": "hunter2"}]}})
    url = f"nats://app:hunter2@127.0.0.1:{server.port}"
    code, out, err = await headrace("doctor", url)
    assert (code, "hunter2" in out + err) == (3, False)
    assert "remedy: start the server with JetStream" in out
    code, _, err = await headrace("info", url)
    assert (code, "JetStream" in err, "hunter2" in err) == (3, True, False)


@pytest.mark.anyio
async def test_the_exit_code_tells_a_refusal_from_a_server_that_is_away(start: Start) -> None:
    server = start(authorization={"user": "app", "password": "the right one"})
    code, _, err = await headrace("info", f"nats://app:hunter2@127.0.0.1:{server.port}?timeout=1")
    assert (code, "hunter2" in err, "Traceback" in err) == (3, False, False)
    code, _, err = await headrace("info", f"nats://app:hunter2@127.0.0.1:{free_port()}?timeout=1")
    assert (code, "hunter2" in err, "Traceback" in err) == (4, False, False)
    code, _, err = await headrace("info", "nats://app:hunter2@h/x")
    assert (code, "hunter2" in err, "Traceback" in err) == (2, False, False)
