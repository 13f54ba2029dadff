"""The broker's machine loses its power: `uv run python -m tests.torture.power` (as root).

The server writes to a file system in a file. Its power is lost like this: the server is stopped,
the file is copied, and the server is started again on the copy. What the kernel had not written
to the file by then is gone, as it is gone from a machine without power.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import click
import uvloop
from msgspec import Struct

from headrace.ids import new_id
from tests.servers import NatsServer, RedisServer, nats_server, redis_on_path
from tests.torture.disk import Disk
from tests.torture.ledger import CLOCK
from tests.torture.toll import Toll, load, look

LOAD = 6.0
"""Seconds for which jobs are enqueued and run."""

DECLARED = 1.0
"""Seconds of them until the queue is there for good: nats-server leaves what describes a stream to
the kernel, however often it syncs messages, and recovers no stream whose description is cut."""


class Setting(Struct, frozen=True):
    """How a server keeps what it is told.

    Attributes:
        options: Of its configuration.
        window: Seconds before the loss of what it may lose.
    """

    options: Mapping[str, object]
    window: float


SETTINGS = {
    "redis always": Setting({"appendonly": "yes", "appendfsync": "always"}, 0.0),
    "redis everysec": Setting({"appendonly": "yes", "appendfsync": "everysec"}, 2.0),
    "nats always": Setting({"jetstream": {"sync_interval": "always"}}, 0.0),
    "nats 1s": Setting({"jetstream": {"sync_interval": "1s"}}, 2.0),
    "nats default": Setting({}, 120.0),
}


def server_of(setting: str, folder: Path) -> RedisServer | NatsServer:
    """Return a server that keeps its files in a folder."""
    options: dict[str, object] = dict(SETTINGS[setting].options)
    if setting.startswith("nats"):
        binary = nats_server()
        assert binary is not None
        return NatsServer(binary, folder / "data", **options)
    found = redis_on_path()
    assert found is not None
    return RedisServer(found, folder / "data", **{name: str(v) for name, v in options.items()})


async def loss(setting: str, folder: Path) -> Toll:
    """Load a server, take its power away, and look at what there is when it is back."""
    disk, name, toll = Disk(folder), f"power-{new_id()}", Toll.none()
    with disk.mounted() as place:
        server = server_of(setting, place)
        try:
            server.start()
            async with load(server.url, name, toll):
                await CLOCK.sleep(DECLARED)
                disk.sync()
                await CLOCK.sleep(LOAD - DECLARED)
                server.signal(signal.SIGSTOP)
                toll.at = CLOCK.monotonic()
                disk.snapshot()
                server.kill()
        finally:
            server.kill()
    disk.go_back()
    with disk.mounted():
        try:
            server.start()
            await look(server.url, name, toll)
        finally:
            server.kill()
    return toll


@click.command()
@click.option("--setting", "settings", multiple=True, type=click.Choice([*SETTINGS]))
def main(settings: tuple[str, ...]) -> None:
    """Take the power away from servers, and exit with 1 if more is lost than is told."""
    violated = False
    for setting in settings or SETTINGS:
        with tempfile.TemporaryDirectory() as folder:
            toll = uvloop.run(loss(setting, Path(folder)))
        found = toll.violations(SETTINGS[setting].window)
        violated = violated or bool(found)
        click.echo(f"{setting:15} {'VIOLATED' if found else 'ok':8}  {toll}")
        for line in found[:5]:
            click.echo(f"    {line}")
    sys.exit(violated)


if __name__ == "__main__":
    main()
