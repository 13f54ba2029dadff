"""A file system in a file, which can be taken back to what has reached it, or be filled."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path


class Disk:
    """A file system in a file. To mount it takes the rights of root.

    Args:
        folder: Where the file and the place lie.
        size: As `truncate` has it.
    """

    def __init__(self, folder: Path, size: str = "256M") -> None:
        self._file = folder / "disk"
        self.place = folder / "place"
        self.place.mkdir()
        subprocess.run(["truncate", "-s", size, self._file], check=True)
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

    @contextmanager
    def full(self) -> Generator[None]:
        """Let there be no room for the while, not for one byte."""
        ballast = self.place / "ballast"
        with ballast.open("wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                with suppress(OSError):
                    while file.write(bytes(size)) == size:
                        pass
        try:
            yield
        finally:
            ballast.unlink()
