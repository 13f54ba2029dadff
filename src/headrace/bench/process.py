"""What a process has used: processor time and memory, as the system counts them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


class Process:
    """A process of this machine that runs.

    Args:
        pid: Its id.

    Attributes:
        pid: Its id.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid

    @property
    def cpu(self) -> float:
        """Seconds of processor time that it has used, to 10 ms.

        Raises:
            OSError: It has ended.
        """
        if sys.platform != "linux":
            return _seconds(self._ps("time"))
        # Its name stands in brackets and may hold spaces and brackets of its own.
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    @property
    def rss(self) -> float:
        """MB of memory that it holds.

        Raises:
            OSError: It has ended.
        """
        if sys.platform != "linux":
            return int(self._ps("rss")) / 1000
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def _ps(self, column: str) -> str:
        command = ["ps", "-o", f"{column}=", "-p", str(self.pid)]
        try:
            return subprocess.run(command, capture_output=True, check=True, text=True).stdout  # noqa: S603
        except subprocess.CalledProcessError as error:
            raise ProcessLookupError(self.pid) from error


def _seconds(text: str) -> float:
    """Return the seconds of a time as `ps` writes it: `1-02:03:04` or `3:04.56`."""
    days, dash, clock = text.strip().rpartition("-")
    seconds = 0.0
    for part in clock.split(":"):
        seconds = 60 * seconds + float(part)
    return seconds + (86400 * int(days) if dash else 0)
