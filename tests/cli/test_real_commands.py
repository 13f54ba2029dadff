"""The operator's commands as real processes: exit codes, one line of error, real signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TypeAlias

import msgspec
import pytest

from tests.cli.conftest import ROOT

Process: TypeAlias = subprocess.Popen[str]


@pytest.fixture
def start(plugins: Path) -> Iterator[Callable[..., Process]]:
    processes: list[Process] = []

    def begin(*args: str, **environment: str) -> Process:
        process = subprocess.Popen(
            [sys.executable, "-m", "headrace", *args],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(plugins), **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


def read_until(pipe: IO[str] | None, text: str) -> None:
    """Read until a text has come."""
    assert pipe is not None
    read = ""
    while text not in read:
        char = pipe.read(1)
        assert char, f"the process ended and said {read!r}"
        read += char


def test_a_module_that_fills_its_queue_is_looked_at(start: Callable[..., Process]) -> None:
    process = start("info", "tests.cli.shop:busy", "--json")
    told = msgspec.json.decode(process.communicate()[0])
    assert process.returncode == 0
    assert (told["queue"], told["ready"], told["delayed"], told["dead"]) == ("orders", [1, 2], 1, 2)


@pytest.mark.parametrize(("encoding", "price"), [("utf-8", "5 €"), ("latin-1", r"5 \u20ac")])
def test_a_result_is_waited_for_and_printed_on_any_terminal(
    start: Callable[..., Process], encoding: str, price: str
) -> None:
    command = ["enqueue", "tests.cli.shop:busy", "ship", "7", "--wait", "60"]
    process = start(*command, PYTHONIOENCODING=encoding)
    out, _ = process.communicate()
    assert process.returncode == 0
    assert out.splitlines()[1:] == [f'"shipped 7 for {price}"']


@pytest.mark.parametrize(
    ("command", "code", "line"),
    [
        ("info away://clerk:hunter2@host", 4, "Error: away://***@host: connection refused"),
        ("purge away://clerk:hunter2@host -y", 4, "Error: away://***@host: connection refused"),
        ("dead show tests.cli.shop:busy x", 2, "Error: no dead letters: x"),
        ("pause shop://host -q mail", 2, None),
        ("doctor shop://host", 0, None),
    ],
)
def test_the_exit_code_and_the_last_line_say_what_is_wrong(
    start: Callable[..., Process], command: str, code: int, line: str | None
) -> None:
    process = start(*command.split())
    _, err = process.communicate()
    assert (process.returncode, "Traceback" in err, "hunter2" in err) == (code, False, False)
    assert line is None or err.splitlines()[-1] == line


def test_ctrl_c_ends_a_question(start: Callable[..., Process]) -> None:
    process = start("dead", "purge", "tests.cli.shop:busy")
    read_until(process.stderr, "Drop the dead letters of 'orders' (2)? [y/N]: ")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err.strip()) == (1, "", "Aborted!")


def test_ctrl_c_ends_the_wait_for_a_result(start: Callable[..., Process]) -> None:
    process = start("enqueue", "tests.cli.shop:idle", "far", "--wait", "3600")
    read_until(process.stdout, "\n")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert (process.returncode, err.strip()) == (1, "Aborted!")
