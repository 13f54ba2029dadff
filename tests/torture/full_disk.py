"""The broker's disk is full for a while: `uv run python -m tests.torture.full_disk` (as root).

Jobs are enqueued and run all the time, by a producer and a worker that nobody starts again. When
there is room, the server has some seconds to go on by itself; else it is started again, as whoever
operates it has to.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

import click
import uvloop
from msgspec import Struct

from headrace.ids import new_id
from tests.servers import NatsServer, RedisServer
from tests.torture.disk import Disk
from tests.torture.ledger import CLOCK
from tests.torture.power import SETTINGS, server_of
from tests.torture.toll import Toll, load, look

BEFORE, FULL = 2.0, 5.0
"""Seconds of load until the disk is full, and while it is."""

BY_ITSELF = 10.0
"""Seconds in which the server may go on by itself."""

AFTER = 30.0
"""Seconds in which everything goes on when it was started again."""

MORE = 200
"""Jobs that come to an end where everything goes on."""


class Outcome(Struct):
    """What became of it.

    Attributes:
        toll: What it cost.
        restarted: Whether the server had to be started again.
        trouble: What else went wrong.
    """

    toll: Toll
    restarted: bool
    trouble: list[str]


async def hold(setting: str, folder: Path) -> Outcome:
    """Load a server, fill its disk, make room, and look at what there is."""
    disk, name = Disk(folder, "192M"), f"full-{new_id()}"
    found = Outcome(Toll.none(), restarted=False, trouble=[])
    with disk.mounted() as place:
        server = server_of(setting, place)
        try:
            server.start()
            async with load(server.url, name, found.toll) as worker:
                await CLOCK.sleep(BEFORE)
                found.toll.at = CLOCK.monotonic()
                with disk.full():
                    await CLOCK.sleep(FULL / 2)
                    accepted = len(found.toll.accepted)
                    await CLOCK.sleep(FULL / 2)
                if accepted < len(found.toll.accepted):
                    found.trouble.append("jobs were accepted: the disk was not full")
                await _resumed(server, found)
                if worker.done():
                    found.trouble.append("the worker ended")
            await look(server.url, name, found.toll)
        finally:
            server.kill()
    return found


async def _resumed(server: RedisServer | NatsServer, found: Outcome) -> None:
    """Wait until jobs come in and end again, and start the server again if they do not."""
    if await _goes_on(found.toll, BY_ITSELF):
        return
    found.restarted = True
    server.kill()
    await asyncio.to_thread(server.start)
    if not await _goes_on(found.toll, AFTER):
        found.trouble.append("nothing went on")


async def _goes_on(toll: Toll, patience: float) -> bool:
    accepted, ended = len(toll.accepted) + MORE, len(toll.ended) + MORE
    until = CLOCK.monotonic() + patience
    while len(toll.accepted) < accepted or len(toll.ended) < ended:
        if CLOCK.monotonic() > until:
            return False
        await CLOCK.sleep(0.05)
    return True


@click.command()
@click.option("--setting", "settings", multiple=True, type=click.Choice([*SETTINGS]))
def main(settings: tuple[str, ...]) -> None:
    """Fill the disks of servers, and exit with 1 if anything is lost, or does not go on."""
    violated = False
    for setting in settings or SETTINGS:
        with tempfile.TemporaryDirectory() as folder:
            outcome = uvloop.run(hold(setting, Path(folder)))
        found = [*outcome.trouble, *outcome.toll.violations(0.0)]
        violated = violated or bool(found)
        ended = "started again" if outcome.restarted else "went on by itself"
        word = "VIOLATED" if found else "ok"
        click.echo(f"{setting:15} {word:8}  {outcome.toll}  {ended}")
        for line in found[:5]:
            click.echo(f"    {line}")
    sys.exit(violated)


if __name__ == "__main__":
    main()
