"""What stands in `deploy`: the Containerfile's steps, and the servers of the Compose file."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from ruamel.yaml import YAML

from tests.command import told
from tests.containerfile import Bench, Step, read_stages
from tests.servers import REDIS_SERVERS, NatsServer, RedisServer, free_port, nats_server

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose.yaml"


def services() -> dict[str, Any]:
    reader: Any = YAML(typ="safe")
    found: dict[str, Any] = reader.load(COMPOSE)["services"]
    return found


def seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+)s", text)
    assert found
    return float(found[1])


class ComposedValkey(RedisServer):
    """Valkey with the very options of the Compose file, in a folder and on a port of its own."""

    def command(self) -> list[str]:
        server, *options = services()["valkey"]["command"]
        assert server == "valkey-server"
        place = ["--port", str(self.port), "--dir", str(self.folder)]
        return [str(self.binary), *options, *place]


class ComposedNats(NatsServer):
    """nats-server with the very options and configuration of the Compose file, likewise."""

    def launch(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        places = {
            "--config": DEPLOY / "nats.conf",
            "--store_dir": self.folder,
            "--http_port": self.monitor,
        }
        options = dict(word.split("=") for word in services()["nats"]["command"])
        assert options.keys() == places.keys()
        words = [f"{name}={places[name]}" for name in options]
        own = ["--addr=127.0.0.1", f"--port={self.port}", f"--name={self.name}"]
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [str(self.binary), *words, *own], stdout=log, stderr=log, text=True
            )


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[RedisServer]:
    binary = REDIS_SERVERS["valkey-9.1"]()
    if binary is None:
        pytest.skip("there is no server here")
    server = ComposedValkey(binary, tmp_path / "valkey").start()
    yield server
    server.stop()


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[NatsServer]:
    binary = nats_server()
    if binary is None:
        pytest.skip("there is no server here")
    server = ComposedNats(binary, tmp_path / "nats").start()
    yield server
    server.stop()


def warnings(url: str) -> set[str]:
    """Return what a doctor has to say against a server; nothing may be refused."""
    findings = asyncio.run(told("doctor", url))
    assert {finding["verdict"] for finding in findings} <= {"ok", "warning"}
    return {finding["check"] for finding in findings if finding["verdict"] == "warning"}


def test_the_compose_file_is_one() -> None:
    schema = ("--builtin-schema", "vendor.compose-spec")
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", *schema, str(COMPOSE)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_valkey_is_safe_for_jobs(valkey: RedisServer) -> None:
    assert warnings(valkey.url) == set()
    with valkey.client() as client:
        held = client.config_get("append*", "maxmemory*", "protected-mode")
    assert (held["appendonly"], held["appendfsync"]) == ("yes", "always")
    assert held["protected-mode"] == "no", "the workers are in containers of their own"
    assert (held["maxmemory"], held["maxmemory-policy"]) == (str(512 << 20), "noeviction")


def test_nats_is_safe_for_jobs(nats: NatsServer) -> None:
    assert warnings(nats.url) == {"replicas", "sync_interval"}, "one server, and a reminder"
    assert nats.ask("jsz")["config"]["sync_always"]
    check = services()["nats"]["healthcheck"]["test"][-1]
    assert json.load(urlopen(check.replace("8222", str(nats.monitor)))) == {"status": "ok"}


@pytest.mark.parametrize("kind", ["valkey", "nats"])
def test_its_workers_run_jobs_and_stop_in_time(kind: str, request: pytest.FixtureRequest) -> None:
    server = request.getfixturevalue(kind)
    worker = services()[f"worker-{kind}"]
    settings = worker["environment"]
    assert re.fullmatch(r"\w+://" + kind + r":\d+(/0)?", settings["HEADRACE_URL"])
    assert kind in worker["depends_on"]
    environment = {**os.environ, **settings, "HEADRACE_URL": server.url}
    headrace = [sys.executable, "-m", "headrace"]
    process = subprocess.Popen([*headrace, "worker", "app:queue"], cwd=DEPLOY, env=environment)
    try:
        result = subprocess.check_output(
            [*headrace, "enqueue", "app:queue", "greet", "mill", "--wait", "60"],
            cwd=DEPLOY,
            env=environment,
            text=True,
        )
    finally:
        process.terminate()
        code = process.wait()
    assert (result.splitlines()[-1], code) == ('"hello, mill"', 0)
    grace = float(settings["HEADRACE_WORKER_GRACE"])
    assert seconds(worker["stop_grace_period"]) > grace + 2


async def status(port: int, path: str) -> str:
    """Return what somebody who probes is told, as soon as anybody listens."""
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            await asyncio.sleep(0)
            continue
        writer.write(f"GET {path} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
        answer = await reader.readline()
        writer.close()
        return answer.decode().split()[1]


@pytest.mark.parametrize("there", [True, False])
def test_the_probes_of_the_page_tell_what_they_should(valkey: RedisServer, *, there: bool) -> None:
    if not there:
        valkey.stop()
    page = (ROOT / "docs" / "how-to" / "deploy.md").read_text()
    [block] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    module: dict[str, Any] = {"__name__": "page"}
    exec(block.replace("redis://localhost:6379/0", valkey.url), module)
    port = free_port()

    async def probe() -> None:
        serving = asyncio.create_task(module["serve"](port))
        assert await status(port, "/livez") == "200"
        while there and await status(port, "/readyz") != "200":
            pass
        assert await status(port, "/readyz") == ("200" if there else "503")
        module["worker"].stop()
        assert await serving == 0

    asyncio.run(probe())


def only(stage: list[Step], name: str) -> Step:
    [step] = [step for step in stage if step.name == name]
    return step


def test_the_image_runs_as_nobody_and_hears_signals() -> None:
    final = read_stages(DEPLOY / "Containerfile")[-1]
    user, _, group = only(final, "USER").text.partition(":")
    assert int(user) > 0
    assert int(group) > 0
    assert only(final, "STOPSIGNAL").text == "SIGTERM"
    assert only(final, "ENTRYPOINT").text.startswith("["), "no shell between it and its signals"
    assert only(final, "CMD").text.startswith("[")
    assert [step for step in final if step.name == "RUN"] == [], "what builds stays outside"


@pytest.mark.timeout(300)
def test_the_steps_of_the_image_lead_to_a_worker(tmp_path: Path, valkey: RedisServer) -> None:
    bench = Bench(tmp_path / "image", ROOT)
    *_, final = stages = read_stages(DEPLOY / "Containerfile")
    for stage in stages:
        bench.build(stage)
    assert not list(bench.root.glob("venv/bin/pip*"))
    command = [*only(final, "ENTRYPOINT").words, *only(final, "CMD").words]
    with subprocess.Popen(
        command,
        cwd=bench.root / "app",
        env={**bench.environment, "HEADRACE_URL": valkey.url},
        stderr=subprocess.PIPE,
        text=True,
    ) as worker:
        assert worker.stderr is not None
        assert "worker is serving" in next(worker.stderr)
        worker.send_signal(getattr(signal, only(final, "STOPSIGNAL").text))
        assert worker.wait() == 0
