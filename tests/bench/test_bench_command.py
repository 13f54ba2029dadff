"""`headrace bench` as a real process, on real servers."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.bench.record import Series, read_record
from headrace.bench.suite import NAMES
from tests.servers import REDIS_SERVERS, NatsServer, RedisServer, nats_server

ROOT = Path(__file__).parent.parent.parent
HEADRACE = [sys.executable, "-m", "headrace", "bench"]


@pytest.fixture(params=["memory", "redis", "nats"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A broker of its own, or a visible skip."""
    if request.param == "memory":
        yield "memory://"
        return
    pytest.importorskip(f"headrace_{request.param}")
    binary = nats_server() if request.param == "nats" else REDIS_SERVERS["valkey-9.1"]()
    if binary is None:
        pytest.skip("there is no server here")
    kind = NatsServer if request.param == "nats" else RedisServer
    server = kind(binary, tmp_path / "server").start()
    yield server.url
    server.stop()


def by_figure(series: list[Series]) -> dict[tuple[str, str], list[Series]]:
    found: dict[tuple[str, str], list[Series]] = {}
    for one in series:
        found.setdefault((one.workload, one.metric), []).append(one)
    return found


def test_a_quick_run_measures_everything(url: str, tmp_path: Path) -> None:
    out = tmp_path / "run.json"
    command = [*HEADRACE, url, "--quick", "--workers", "1", "--out", str(out)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr
    assert "queue 'headrace-bench' at" in ended.stderr
    record = read_record(out)
    assert record.complete
    assert record.settings["repetitions"] == 1
    shared = url != "memory://"
    found = by_figure(record.series)
    assert {workload for workload, _ in found} == set(NAMES) - (set() if shared else {"scaling"})
    assert [one.values for one in found["faulty", "dead letters"]] == [[100.0]]
    assert [one.values for one in found["faulty", "misplaced"]] == [[0.0]]
    assert [one.values for one in found["faulty", "completion"]] == [[100.0]]
    assert {one.variant["stage"] for one in found["stages", "cost"]} == {
        *("claim", "decode", "run", "settle")
    }
    assert all(one.floor for one in found["drain", "throughput"])
    assert all(value > 0 for one in found["drain", "throughput"] for value in one.values)
    assert re.search(r"drain +results=off concurrency=100 +throughput", ended.stdout)


def test_ctrl_c_keeps_what_is_done(tmp_path: Path) -> None:
    out = tmp_path / "run.json"
    ours, theirs = pty.openpty()
    command = [*HEADRACE, "memory://", "--workload", "burst", "--quick", "--repetitions", "5000"]
    process = subprocess.Popen(
        [*command, "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    )
    os.close(theirs)
    try:
        shown = ""
        while not re.search(r"[1-9]\d*/5000", shown):
            shown += os.read(ours, 4096).decode()
        process.send_signal(signal.SIGINT)
        # A terminal that nobody reads would stop it.
        while process.poll() is None and "kept in" not in shown:
            shown += os.read(ours, 4096).decode()
        told, _ = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    record = read_record(out)
    assert (process.returncode, record.complete) == (1, False)
    assert "interrupted: what is done is kept" in shown
    assert {one.metric for one in record.series} == {"accept", "drain"}
    assert 1 <= len(record.series[0].values) < 5_000
    assert "burst" in told


def test_a_queue_in_use_is_refused_in_one_line(tmp_path: Path) -> None:
    binary = REDIS_SERVERS["valkey-9.1"]()
    if binary is None:
        pytest.skip("there is no server here")
    server = RedisServer(binary, tmp_path / "server").start()
    try:
        fill = (
            "import asyncio\n"
            "from headrace import Queue\n"
            "async def main():\n"
            f"    async with Queue({server.url!r}, name='headrace-bench') as queue:\n"
            "        await queue.enqueue('mine')\n"
            "        assert await queue.broker.claim(queue.name, 'me', 1, 5)\n"
            "asyncio.run(main())\n"
        )
        subprocess.run([sys.executable, "-c", fill], check=True)
        ended = subprocess.run(
            [*HEADRACE, server.url, "--quick", "--out", str(tmp_path / "run.json")],
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        server.stop()
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1].startswith("Error: jobs of queue 'headrace-bench' run at")
    assert not (tmp_path / "run.json").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["away://clerk:hunter2@host"], 2, "Error: no broker serves away://"),
        (["redis://:hunter2@127.0.0.1:1"], 4, "Error: "),
        (["memory://", "--workload", "flying"], 2, "Error: Invalid value for '--workload'"),
        (["memory://", "--out", "nowhere/run.json"], 2, "Error: Invalid value for '--out'"),
        (["memory://", "--workers", "65"], 2, "Error: Invalid value for '--workers'"),
    ],
)
def test_what_cannot_be_measured_is_one_line(
    arguments: list[str], code: int, line: str, tmp_path: Path
) -> None:
    ended = subprocess.run(
        [*HEADRACE, *arguments, "--quick"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert ended.returncode == code, ended.stderr
    assert ended.stderr.splitlines()[-1].startswith(line)
    assert "hunter2" not in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_fresh_servers_are_measured_beside_what_their_drivers_can_do(tmp_path: Path) -> None:
    out = tmp_path / "run.json"
    command = [sys.executable, "-m", "benchmarks", "redis?track=no", "nats", "--quick"]
    command += ["--workload", "enqueue", "--workload", "memory"]
    ended = subprocess.run(
        [*command, "--out", str(out)], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert ended.returncode == 0, ended.stderr
    record = read_record(out)
    assert {one.subject for one in record.series} == {"redis?track=no", "nats"}
    assert any("pinned" in note for note in record.notes)
    found = by_figure(record.series)
    assert all(one.floor for one in found["enqueue", "throughput"])
    assert {one.subject for one in found["memory", "bytes"]} == {"redis?track=no", "nats"}
