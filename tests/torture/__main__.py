"""Torture a queue.

uv run python -m tests.torture --broker nats --scenario M1 --seed 7 --duration 20
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path

import click
from msgspec import Struct

from headrace.broker import Broker
from headrace.errors import BrokerError
from headrace.ids import new_id
from tests.servers import NatsServer, RedisServer, Server, nats_server, redis_on_path
from tests.torture.app import FOLDER, LEASE, NAME, URL, tortured
from tests.torture.check import Bounds, Report, Run, judge
from tests.torture.crew import Crew
from tests.torture.ledger import Ledger, read
from tests.torture.nemesis import Nemesis, schedule
from tests.torture.workload import Mix, Producer

WORKERS = 3
DRAIN = 90.0


class Scenario(Struct, frozen=True, kw_only=True):
    """What is done, and what must have come of it."""

    title: str
    faults: tuple[str, ...] = ()
    apart: tuple[float, float] = (1.5, 3.0)
    mix: Mix = Mix()
    needed: tuple[str, ...] = ("accepted", "retried", "dead")


SCENARIOS = {
    "M1": Scenario(title="workers are killed", faults=("kill",), needed=("recovered", "retried")),
    "M2": Scenario(title="workers freeze", faults=("freeze",), needed=("fenced", "recovered")),
    "M4": Scenario(title="the server is killed", faults=("server",), apart=(5.0, 8.0)),
    "M5": Scenario(title="workers are stopped", faults=("terminate",), needed=("released",)),
    "all": Scenario(
        title="everything",
        faults=("kill", "freeze", "terminate", "kill", "server"),
        mix=Mix(poisonous=0.002),
        needed=("recovered", "fenced", "retried", "dead"),
    ),
}


def server_of(broker: str, folder: Path) -> Server:
    """Start a server that forgets nothing when it is killed."""
    if broker == "nats":
        binary = nats_server()
        assert binary is not None
        return NatsServer(binary, folder).start()
    binary = redis_on_path()
    assert binary is not None
    return RedisServer(binary, folder, appendonly="yes", appendfsync="always").start()


async def torture(broker: str, scenario: Scenario, seed: int, duration: float) -> Report:
    """Run a scenario, heal, drain and judge."""
    lease = 2.0
    with tempfile.TemporaryDirectory() as place:
        folder, logs = Path(place, "ledger"), Path(place, "logs")
        folder.mkdir()
        logs.mkdir()
        server = server_of(broker, Path(place))
        environment = {
            URL: server.url,
            FOLDER: str(folder),
            LEASE: str(lease),
            NAME: f"torture-{new_id()}",
        }
        os.environ.update(environment)
        queue, tasks = tortured()
        ledger = Ledger(folder)
        crew = Crew(logs, environment, ledger)
        nemesis = Nemesis(crew, server, ledger, lease, WORKERS)
        try:
            async with queue:
                producer = Producer(queue, tasks, ledger, scenario.mix, seed)
                nemesis.refill()
                until = asyncio.get_running_loop().time() + duration
                async with asyncio.TaskGroup() as group:
                    group.create_task(
                        producer.run(lambda: asyncio.get_running_loop().time() < until)
                    )
                    group.create_task(
                        nemesis.run(schedule(seed, scenario.faults, duration, scenario.apart))
                    )
                await drained(queue.broker, queue.name, nemesis)
                infos = await queue.broker.lookup(queue.name, producer.jobs)
                dead = [letter.id async for letter in queue.dead_letters()]
            crew.end()
        finally:
            for worker in crew.workers:
                worker.kill()
            server.stop()
        states = {
            job: info.state
            for job, info in zip(producer.jobs, infos, strict=True)
            if info is not None
        }
        run = Run(events=read(folder), states=states, dead=frozenset(dead))
    bounds = Bounds(recovery=lease + lease / 4 + 1.5, overlap=lease / 3 + 1.0)
    return judge(run, bounds, scenario.needed)


async def drained(broker: Broker, queue: str, nemesis: Nemesis) -> None:
    """Wait until nothing is left to be done."""
    async with asyncio.timeout(DRAIN):
        while True:
            nemesis.refill()
            try:
                stats = await broker.stats(queue)
            except BrokerError:
                continue
            if not (sum(stats.ready) + stats.delayed + stats.running):
                return
            await asyncio.sleep(0.2)


@click.command()
@click.option("--broker", type=click.Choice(["redis", "nats"]), default="redis")
@click.option("--scenario", type=click.Choice([*SCENARIOS]), default="M1")
@click.option("--seed", default=7)
@click.option("--duration", default=20.0)
def main(broker: str, scenario: str, seed: int, duration: float) -> None:
    """Torture, and exit with 1 if anything was violated."""
    report = asyncio.run(torture(broker, SCENARIOS[scenario], seed, duration))
    for name, count in sorted(report.counts.items()):
        click.echo(f"{name:>20} {count}")
    for name, shown in report.violations.items():
        click.echo(f"VIOLATED {name}: {len(shown)}, such as {shown[:5]}")
    sys.exit(1 if report.violations else 0)


if __name__ == "__main__":
    main()
