"""A program that forks behind its first job: the child gets a clear error, the parent goes on."""

from __future__ import annotations

import subprocess
import sys

from tests.faults.site import Site

PROGRAM = """
import asyncio, os, sys

from headrace import Queue

queue = Queue(sys.argv[1], name=sys.argv[2])


async def main():
    async with queue:
        await queue.enqueue("before")
        child = os.fork()
        if not child:
            try:
                asyncio.run(enqueue())
            except BaseException as error:
                print(type(error).__name__, error, flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        for _ in range(20):
            await queue.enqueue("behind")
        print("ready", sum((await queue.stats()).ready), flush=True)


async def enqueue():
    await queue.enqueue("child")


asyncio.run(main())
"""


def test_a_child_is_told_to_open_the_queue_anew(site: Site, name: str) -> None:
    """It shares the parent's connections, and must not write on them."""
    program = [sys.executable, "-c", PROGRAM, site.url, name]
    run = subprocess.run(program, check=True, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in run.stderr
    error, ready = run.stdout.splitlines()
    assert error.startswith("QueueClosed")
    assert "async with queue" in error
    assert ready == "ready 21"
