"""What the NATS broker carries: a producer here, a worker process by the shipped command.

    uv run python -m benchmarks.nats_broker [--rounds 5] [--cluster]

The first lines are what the driver alone can do in the same minutes: compare ratios with them, for
absolute figures do not carry to another machine or hour.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import nats
import uvloop

from benchmarks.bench import DRAINED, SEQUENTIAL, Bench, Report, since
from tests.servers import NatsCluster, NatsServer, nats_server


async def driver(url: str, report: Report) -> None:
    """Measure the driver: one publication at a time, and fetching and acknowledging many."""
    connect: Callable[[str], Awaitable[Any]] = cast("Any", nats).connect
    client = await connect(url)
    stream = client.jetstream()
    await stream.add_stream(name="raw", subjects=["raw"])
    began = time.perf_counter()
    for _ in range(SEQUENTIAL):
        await stream.publish("raw", b"x" * 60)
    report.add("driver alone: publish, one await each, /s", SEQUENTIAL / since(began))
    for _ in range(DRAINED // 4 - SEQUENTIAL):
        await stream.publish_async("raw", b"x" * 60)
    await stream.publish_async_completed()
    pulled = await stream.pull_subscribe("raw", durable="raw")
    began, left = time.perf_counter(), DRAINED // 4
    while left:
        messages = await pulled.fetch(500)
        for message in messages:
            await message.ack()
        left -= len(messages)
    await client.flush()
    report.add("driver alone: fetch 500 and ack, /s", DRAINED // 4 / since(began))
    await stream.delete_stream("raw")
    await client.close()


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cluster", action="store_true", help="three servers, three replicas")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    binary = nats_server()
    if binary is None:
        sys.exit("there is no nats-server here")
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        kind = NatsCluster if given.cluster else NatsServer
        server = kind(binary, Path(folder)).start()
        url = f"{server.url}?replicas=3" if given.cluster else server.url
        try:
            uvloop.run(Bench(url, driver, given.rounds, report).run())
            report.print()
        finally:
            server.stop()


if __name__ == "__main__":
    main()
