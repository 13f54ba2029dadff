"""The comparison with other queues: what is plain in it, and this project as the one peer there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

pytest.importorskip("headrace_redis")
pytest.importorskip("headrace_nats")

from benchmarks.peers.__main__ import read
from benchmarks.peers.catalogue import PEERS, Peer, chosen
from benchmarks.peers.contest import Contest, Terms, interleaved
from benchmarks.peers.environment import (
    HERE,
    ROOT,
    MissingEnvironmentError,
    find_python,
    is_part,
    pinned,
    prepared,
)
from benchmarks.peers.figures import Figures, latencies, throughput
from benchmarks.peers.ground import Ground
from benchmarks.peers.kit.gauge import VARIABLE, Gauge
from benchmarks.peers.processes import last_line
from benchmarks.peers.sizes import QUICK, WHOLE
from benchmarks.peers.table import table
from headrace.bench.record import Record, read_record, write_record
from tests.servers import REDIS_SERVERS

TINY = replace(
    QUICK,
    ways={"sequential": 20, "gathered": 40, "bulk": 60},
    pilot=50,
    shallowest=50,
    deepest=200,
    offered=20,
    rests=20,
)
COUNTING = "from benchmarks.peers.kit import jobs\nfor _ in range({}):\n    jobs.noop()\n"
FORKING = "import os\nfrom benchmarks.peers.kit import jobs\njobs.noop()\nos.fork()\njobs.noop()\n"


@pytest.fixture
def ground() -> Iterator[Ground]:
    if REDIS_SERVERS["valkey-9.1"]() is None:
        pytest.skip("there is no server here")
    with Ground("valkey-9.1") as servers:
        yield servers


def counting(path: Path, program: str) -> subprocess.Popen[bytes]:
    variables = {**os.environ, "PYTHONPATH": str(ROOT), VARIABLE: str(path)}
    return subprocess.Popen([sys.executable, "-c", program], env=variables)


def own_peer() -> Peer:
    return chosen(["headrace-redis"])[0]


def terms(peer: Peer) -> Terms:
    return Terms(peers=[peer], repetitions=1, sizes=TINY, command="none")


def run(contest: Contest) -> Record:
    contest.run()
    return contest.record


def test_processes_count_in_one_file(tmp_path: Path) -> None:
    gauge = Gauge.create(tmp_path / "gauge", processes=2)
    processes = [counting(tmp_path / "gauge", COUNTING.format(1_000)) for _ in range(2)]
    assert [process.wait(30) for process in processes] == [0, 0]
    assert gauge.counted == 2_000
    assert gauge.arrived == 2
    assert gauge.begun
    assert 0 < gauge.seconds < 30


def test_a_process_waits_until_all_that_are_expected_have_a_job(tmp_path: Path) -> None:
    gauge = Gauge.create(tmp_path / "gauge", processes=2)
    first = counting(tmp_path / "gauge", COUNTING.format(1))
    while gauge.arrived < 1:
        assert first.poll() is None
    assert not gauge.begun
    assert gauge.counted == 0
    second = counting(tmp_path / "gauge", COUNTING.format(1))
    assert [first.wait(30), second.wait(30)] == [0, 0]
    assert gauge.counted == 2


def test_a_process_that_is_forked_has_a_slot_of_its_own(tmp_path: Path) -> None:
    gauge = Gauge.create(tmp_path / "gauge")
    assert counting(tmp_path / "gauge", FORKING).wait(30) == 0
    while gauge.counted < 3:
        pass
    assert gauge.arrived == 2


def test_threads_of_a_process_lose_no_count(tmp_path: Path) -> None:
    gauge = Gauge.create(tmp_path / "gauge")

    def count() -> None:
        for _ in range(2_000):
            gauge.count()

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert gauge.counted == 8_000


def test_moments_are_kept_by_number(tmp_path: Path) -> None:
    gauge = Gauge.create(tmp_path / "gauge", moments=3)
    gauge.mark(2)
    gauge.mark(0)
    assert gauge.moments[1] == 0
    assert 0 < gauge.moments[2] <= gauge.moments[0]
    assert gauge.counted == 2


def test_repetitions_are_interleaved_and_begin_with_another_peer_each_time() -> None:
    assert list(interleaved(["a", "b", "c"], 2)) == [
        (1, "a"),
        (1, "b"),
        (1, "c"),
        (2, "b"),
        (2, "c"),
        (2, "a"),
    ]
    nobody: list[str] = []
    assert list(interleaved(nobody, 2)) == []


def test_a_backlog_holds_seconds_of_work_within_limits() -> None:
    assert WHOLE.backlog(2_000, 1) == 8_000
    assert WHOLE.backlog(2_000, 2) == 16_000
    assert WHOLE.backlog(60_000, 1) == 200_000
    assert WHOLE.backlog(10, 1) == 2_000


def test_the_command_line_chooses_peers_by_name_or_folder() -> None:
    request = read(["--only", "saq", "repid", "--quick", "--out", "found.json"])
    assert [peer.subject for peer in request.terms.peers] == ["repid-redis", "repid-nats", "saq"]
    assert request.terms.repetitions == 1
    assert request.terms.sizes == QUICK
    assert request.out == Path("found.json")
    assert "--only saq repid --quick" in request.terms.command
    assert "found.json" not in request.terms.command


def test_by_itself_the_command_line_asks_for_everything_five_times() -> None:
    request = read([])
    assert request.terms.peers == list(PEERS)
    assert request.terms.repetitions == 5
    assert request.terms.sizes == WHOLE
    assert request.out is None


def test_a_peer_that_nobody_knows_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read(["--only", "nobody"])
    assert "no peer is called nobody" in capsys.readouterr().err


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.subject)
def test_every_peer_has_an_app_that_says_where_its_settings_come_from(peer: Peer) -> None:
    text = (HERE / peer.folder / "app.py").read_text()
    compile(text, peer.folder, "exec")
    assert text.startswith('"""')


@pytest.mark.parametrize("path", sorted(HERE.glob("*/requirements.txt")), ids=str)
def test_every_version_of_a_peer_is_pinned(path: Path) -> None:
    lines = [line for line in path.read_text().splitlines() if not re.match(r"\s*(#|$)", line)]
    assert lines
    assert all(pinned(line) for line in lines)


def test_the_packages_of_a_project_are_told_from_those_that_it_needs() -> None:
    assert is_part("taskiq", "taskiq-redis")
    assert is_part("docket", "pydocket")
    assert not is_part("taskiq", "pydantic")


def test_latencies_count_from_when_a_job_was_due() -> None:
    due = [number * 5_000_000 for number in range(101)]
    started = [moment + (number + 1) * 10_000 for number, moment in enumerate(due)]
    found = {figure.metric: round(figure.value, 3) for figure in latencies(due, started, 200)}
    assert found == {"p50": 0.51, "p99": 1.0, "max": 1.01}


def test_values_of_the_same_figure_are_one_series() -> None:
    figures = Figures()
    figures.add("saq", throughput("enqueue", 100, 2.0, way="sequential"))
    figures.add("saq", throughput("enqueue", 100, 4.0, way="sequential"))
    figures.add("saq", throughput("enqueue", 100, 1.0, way="gathered"))
    assert [one.values for one in figures.series] == [[50.0, 25.0], [100.0]]


def test_the_last_words_of_a_process_are_its_last_line_that_says_anything() -> None:
    assert last_line("Traceback\nValueError: no\n\n") == "ValueError: no"
    assert last_line(b"") == "it said nothing"
    assert last_line(None) == "it said nothing"


def test_a_python_that_is_new_enough_is_this_one() -> None:
    assert find_python((3, 11))[0] == Path(sys.executable)


def test_without_a_python_that_is_new_enough_there_is_no_environment() -> None:
    with pytest.raises(MissingEnvironmentError, match=r"needs Python 3\.98 or newer"):
        prepared(replace(chosen(["ardiq"])[0], python=(3, 98)))


def test_this_project_goes_through_everything(ground: Ground, tmp_path: Path) -> None:
    said: list[str] = []
    record = run(Contest(terms(own_peer()), ground, said.append))
    assert record.notes == []
    assert record.complete
    assert {series.subject for series in record.series} == {"headrace-redis"}
    assert {series.workload for series in record.series} >= {
        "enqueue",
        "drain",
        "memory",
        "scaling",
        "latency",
        "sleep",
    }
    sleep = next(series for series in record.series if series.workload == "sleep")
    assert min(sleep.values) > 0.09
    # With so few jobs there may be none left to charge once the runner looks.
    counted = [series for series in record.series if series.metric != "cpu"]
    assert all(len(series.values) == 1 for series in counted)
    assert "headrace: headrace" in record.versions
    assert "1 of 1: headrace-redis, latency" in said
    write_record(record, tmp_path / "run.json")
    assert read_record(tmp_path / "run.json") == record
    assert "headrace-redis" in table(record)


def test_a_peer_whose_worker_ends_is_left_out_with_what_it_said_last(ground: Ground) -> None:
    broken = replace(own_peer(), worker=("python", "-c", "raise SystemExit('out of order')"))
    record = run(Contest(terms(broken), ground, lambda _: None))
    assert record.notes == ["headrace-redis was left out: a worker ended: out of order"]
    assert not record.complete
    assert record.series == []


def test_a_peer_without_its_python_is_left_out_with_the_reason(ground: Ground) -> None:
    record = run(Contest(terms(replace(chosen(["ardiq"])[0], python=(3, 98))), ground, print))
    (note,) = record.notes
    assert note.startswith("ardiq was left out: it needs Python 3.98")


def test_an_interrupted_run_keeps_what_was_measured(ground: Ground) -> None:
    def interrupt(text: str) -> None:
        if text.endswith("drain"):
            raise KeyboardInterrupt

    contest = Contest(terms(own_peer()), ground, interrupt)
    with pytest.raises(KeyboardInterrupt):
        contest.run()
    assert {series.workload for series in contest.record.series} == {"enqueue"}
    assert not contest.record.complete
