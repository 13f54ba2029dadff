"""The shipped command, as a real process."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import msgspec


async def headrace(*args: str) -> tuple[int, str, str]:
    """Run a command to its end, and return its exit code, its output and its errors."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "headrace", *args),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def told(*args: str) -> list[dict[str, Any]]:
    """Return what a command says with `--json`."""
    code, out, err = await headrace(*args, "--json")
    assert code == 0, err
    return [msgspec.json.decode(line) for line in out.splitlines()]
