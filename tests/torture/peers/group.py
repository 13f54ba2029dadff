"""A worker that is more than one process: what happens to it happens to all of them."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import Any


class Group(subprocess.Popen[bytes]):
    """A process and its children, in a group of their own.

    A request to end goes to the first one alone, as container runtimes send it; all other signals
    reach all of them.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, process_group=0, **kwargs)

    def send_signal(self, sig: int) -> None:
        """Send a signal, to the whole group unless it asks to end."""
        if sig == signal.SIGTERM:
            super().send_signal(sig)
        elif self.poll() is None:
            os.killpg(self.pid, sig)
