"""The broker's machine loses its power: `uv run python -m tests.torture.power` (as root).

The server writes to a file system in a file. Its power is lost like this: the server is stopped,
the file is copied, and the server is started again on the copy. What the kernel had not written
to the file by then is gone, as it is gone from a machine without power.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import click
import uvloop
from msgspec import Struct

from headrace import JobHandle, JobState, Queue, Worker
from headrace.errors import BrokerError
from headrace.ids import new_id
from headrace.task import Task
from tests.servers import NatsServer, RedisServer, nats_server, redis_on_path
from tests.torture.ledger import CLOCK

SIZE = "256M"
LOAD = 6.0
"""Seconds for which jobs are enqueued and run."""

DECLARED = 1.0
"""Seconds of them until the queue is there for good: nats-server leaves what describes a stream to
the kernel, however often it syncs messages, and recovers no stream whose description is cut."""

DRAIN = 60.0


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


class Disk:
    """A file system in a file.

    Args:
        folder: Where the file and the place lie.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "disk"
        self.place = folder / "place"
        self.place.mkdir()
        subprocess.run(["truncate", "-s", SIZE, self._file], check=True)
        subprocess.run(["mkfs.ext4", "-q", "-F", self._file], check=True)

    @contextmanager
    def mounted(self) -> Generator[Path]:
        """Mount it for the while."""
        subprocess.run(["mount", "-o", "loop", self._file, self.place], check=True)
        try:
            yield self.place
        finally:
            subprocess.run(["umount", self.place], check=True)

    def sync(self) -> None:
        """Have all that was written reach the file."""
        subprocess.run(["sync", "--file-system", self.place], check=True)

    def snapshot(self) -> None:
        """Keep what has reached the file, for the next time that it is mounted."""
        shutil.copyfile(self._file, f"{self._file}-then")

    def go_back(self) -> None:
        """Be what the snapshot was."""
        Path(f"{self._file}-then").replace(self._file)


class Toll(Struct):
    """What was said, and when.

    Attributes:
        accepted: When each job was accepted.
        ended: Jobs whose end was recorded.
        lost: Jobs that are unknown after the loss.
        undone: Jobs whose recorded end is.
        stuck: Jobs that did not come to an end afterwards.
        at: When the power was lost.
    """

    accepted: dict[str, float]
    ended: set[str]
    lost: list[str]
    undone: list[str]
    stuck: list[str]
    at: float

    def violations(self, window: float) -> list[str]:
        """Return what was lost that must not have been."""
        safe = self.at - window
        old = [job for job in self.lost if self.accepted[job] < safe]
        undone = [] if window else self.undone
        return [
            *(f"{job} is lost" for job in old),
            *(f"the end of {job} is undone" for job in undone),
            *(f"{job} is stuck" for job in self.stuck),
        ]


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
    disk, name = Disk(folder), f"power-{new_id()}"
    toll = Toll({}, set(), [], [], [], 0.0)
    with disk.mounted() as place:
        server = server_of(setting, place)
        try:
            server.start()
            async with _load(server.url, name, toll):
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
            await _looked_at(server.url, name, toll)
        finally:
            server.kill()
    return toll


@asynccontextmanager
async def _load(url: str, name: str, toll: Toll) -> AsyncGenerator[None]:
    """Enqueue and run jobs for as long as a block lasts."""
    queue = Queue(url, name=name, lease=5)
    work = queue.task(name="work")(_work)
    await queue.open()
    worker = asyncio.create_task(Worker(queue, concurrency=10).run(signals=False))
    producer = asyncio.create_task(_produce(queue, work, toll))
    try:
        yield
    finally:
        for task in (producer, worker):
            task.cancel()
        await asyncio.gather(producer, worker, return_exceptions=True)
        with suppress(BrokerError):
            await queue.close()


async def _produce(queue: Queue, work: Task[[], str], toll: Toll) -> None:
    async with asyncio.TaskGroup() as group:
        while True:
            handles = await queue.enqueue_many(work.call() for _ in range(5))
            toll.accepted |= {handle.id: CLOCK.monotonic() for handle in handles}
            for handle in handles[1:]:
                group.create_task(_follow(handle, toll))


async def _follow(handle: JobHandle[str], toll: Toll) -> None:
    await handle.result()
    toll.ended.add(handle.id)


async def _work() -> str:
    return "done"


async def _looked_at(url: str, name: str, toll: Toll) -> None:
    """Ask for every job, let a worker run what is left, and ask again."""
    async with Queue(url, name=name, lease=5) as queue:
        queue.task(name="work")(_work)
        states = {job: await queue.job(job).status() for job in toll.accepted}
        toll.lost = [job for job, state in states.items() if state is JobState.UNKNOWN]
        toll.undone = [job for job in toll.ended if states[job] is not JobState.SUCCEEDED]
        worker = Worker(queue, concurrency=10)
        running = asyncio.create_task(worker.run(signals=False))
        left = toll.accepted.keys() - set(toll.lost)
        until = CLOCK.monotonic() + DRAIN
        while left and CLOCK.monotonic() < until:
            left = {job for job in left if not (await queue.job(job).status()).final}
        toll.stuck = sorted(left)
        worker.stop()
        await running


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
        facts = (
            f"accepted {len(toll.accepted)}  lost {len(toll.lost)}  ended {len(toll.ended)}  "
            f"undone {len(toll.undone)}  stuck {len(toll.stuck)}"
        )
        click.echo(f"{setting:15} {'VIOLATED' if found else 'ok':8}  {facts}")
        for line in found[:5]:
            click.echo(f"    {line}")
    sys.exit(violated)


if __name__ == "__main__":
    main()
