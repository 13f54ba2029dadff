"""Whether what was built works where nothing else is: on real servers, by the shipped command."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import click

from release.command import environment
from release.environments import Environment
from tests.servers import REDIS_SERVERS, NatsServer, RedisServer, nats_server

PATIENCE = 60
"""Seconds that a job may take to its result, worker's start included."""


def try_core(env: Environment, folder: Path, version: str) -> None:
    """Try what needs no server.

    Raises:
        ClickException: It does not work.
    """
    folder.mkdir()
    said = env.run("headrace", "--version", cwd=folder)
    if not said.strip().endswith(version):
        message = f"headrace --version says {said!r}, not {version}"
        raise click.ClickException(message)
    for module in ("headrace", "headrace.testing"):
        env.run("python", "-W", "error", "-c", f"import {module}", cwd=folder)
    env.run("headrace", "demo", env.packages / "headrace", "--verify", cwd=folder)


def try_kit(env: Environment, folder: Path) -> None:
    """Try the conformance suite, on the memory broker: its chapter on enqueueing."""
    folder.mkdir()
    (folder / "test_kit.py").write_text(
        "import pytest\n"
        "from headrace import MemoryBroker\n"
        "from headrace.testing.conformance import BrokerConformance, Rig\n\n\n"
        "class TestKit(BrokerConformance):\n"
        "    @pytest.fixture\n"
        "    def rig(self) -> Rig:\n"
        "        return Rig(connect=MemoryBroker)\n"
    )
    env.run("python", "-m", "pytest", "-q", "-k", "enqueue and asyncio", cwd=folder)


def try_broker(env: Environment, folder: Path, app: Path, scheme: str) -> None:
    """Start a server, have its doctor look at it, and run a job on it by a worker process.

    Raises:
        ClickException: A command failed, or the result is another one.
    """
    folder.mkdir()
    shutil.copy(app, folder / "app.py")
    with _server(scheme, folder / "server") as server:
        url = {"HEADRACE_URL": server.url}
        env.run("headrace", "doctor", "app:queue", cwd=folder, **url)
        with _worker(env, folder, url):
            enqueue = ("enqueue", "app:queue", "greet", "mill", "--wait", str(PATIENCE))
            result = env.run("headrace", *enqueue, cwd=folder, **url).splitlines()[-1]
    if result != '"hello, mill"':
        message = f"the job's result on {scheme} is {result}"
        raise click.ClickException(message)


@contextmanager
def _server(scheme: str, folder: Path) -> Generator[RedisServer | NatsServer]:
    binary = REDIS_SERVERS["valkey-9.1"]() if scheme == "redis" else nats_server()
    if binary is None:
        message = f"there is no server for {scheme}:// here"
        raise click.ClickException(message)
    server: RedisServer | NatsServer
    if scheme == "redis":
        server = RedisServer(binary, folder, appendonly="yes").start()
    else:
        server = NatsServer(binary, folder).start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def _worker(env: Environment, folder: Path, url: dict[str, str]) -> Generator[None]:
    """Run a worker for as long as a block lasts, and see that it stops in order."""
    command = [str(env.script("headrace")), "worker", "app:queue"]
    log = folder / "worker.log"
    with log.open("w") as opened:
        worker = subprocess.Popen(command, cwd=folder, env=environment(**url), stderr=opened)
    try:
        yield
    finally:
        worker.send_signal(signal.SIGTERM)
        code = worker.wait(PATIENCE)
    if code:
        message = f"the worker ended with {code}:\n{log.read_text()}"
        raise click.ClickException(message)
