"""What the Redis broker carries: a producer here, a worker process by the shipped command.

    uv run python -m benchmarks.redis_broker [--server valkey-9.1] [--rounds 5]

The first lines are what the driver alone can do in the same
minutes: compare ratios with them, for absolute figures do not carry to another machine or hour.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, cast

import uvloop
from redis.asyncio import Redis

from benchmarks.bench import MANY, SEQUENTIAL, Bench, Report, since
from headrace import Queue
from tests.servers import REDIS_SERVERS, RedisServer

MILLION = 1_000_000


async def driver(url: str, report: Report) -> None:
    """Measure the driver: one XADD at a time, and one script for 500 of them."""
    script = "for i = 2, #ARGV do redis.call('XADD', KEYS[1], '*', 'b', ARGV[i]) end"
    async with cast("Any", Redis).from_url(url, protocol=2) as client:
        body = b"x" * 60
        began = time.perf_counter()
        for _ in range(SEQUENTIAL):
            await client.execute_command("XADD", "raw", "*", "b", body)
        report.add("driver alone: XADD, one await each, /s", SEQUENTIAL / since(began))
        began = time.perf_counter()
        for _ in range(MANY // 500):
            await client.eval(script, 1, "raw", "", *[body] * 500)
        report.add("driver alone: XADD, 500 in a script, /s", MANY / since(began))
        await client.delete("raw")


async def _nothing(number: int) -> None: ...


async def memory(server: RedisServer, option: str) -> float:
    """Return the MB of the server that a million queued no-op jobs take."""
    with server.client() as client:
        client.flushall()
        before = client.info("memory")["used_memory"]
        async with Queue(f"{server.url}?{option}") as full:
            task = full.task(name="f")(_nothing)
            await full.enqueue_many(task.call(number) for number in range(MILLION))
        used = client.info("memory")["used_memory"]
        client.flushall()
    return float(used - before) / 1e6


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", choices=sorted(REDIS_SERVERS), default="valkey-9.1")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    binary = REDIS_SERVERS[given.server]()
    if binary is None:
        sys.exit("this server is not here")
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(binary, Path(folder)).start()
        try:
            uvloop.run(Bench(server.url, driver, given.rounds, report).run())
            report.print()
            for option in ("track=yes", "track=no"):
                used = uvloop.run(memory(server, option))
                print(f"{f'a million queued jobs, {option}, MB':52} {used:>10,.1f}")
        finally:
            server.stop()


if __name__ == "__main__":
    main()
