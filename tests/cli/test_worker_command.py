"""`headrace worker`: what can be seen without a process of its own."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

import headrace
from headrace import ConfigMismatch, MemoryBroker, Queue
from headrace.cli.logs import FactsFormatter, configure_logging
from headrace.cli.loop import run
from headrace.cli.main import main
from headrace.cli.target import load_queue
from headrace.testing import FaultyBroker


@pytest.fixture(autouse=True)
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "app", raising=False)
    path = tmp_path / "app.py"
    path.write_text(
        "from headrace import Queue, Worker\n"
        "queue = Queue('memory://')\n"
        "class site: queue = queue\n"
        "number = 5\n"
        "def stop_at_once(): ...\n"
    )
    return path


def invoke(*args: str) -> Result:
    return CliRunner().invoke(main, ["worker", *args])


def test_a_queue_is_found_in_the_current_folder() -> None:
    queue = load_queue("app:queue")
    assert isinstance(queue, Queue)
    assert load_queue("app:site.queue") is queue


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("app", "write module:queue, as in app:queue"),
        (":queue", "write module:queue"),
        ("app:", "write module:queue"),
        ("nowhere:queue", "there is no module 'nowhere' here"),
        ("nowhere.deep:queue", "there is no module 'nowhere' here"),
        ("app.deep:queue", "there is no module 'app.deep'"),
        ("app:nothing", "module 'app' has no 'nothing'"),
        ("app:number", "'app:number' is a int, not a Queue"),
    ],
)
def test_a_target_that_is_none_is_told_and_exits_2(target: str, problem: str) -> None:
    result = invoke(target)
    assert (result.exit_code, problem in result.stderr) == (2, True), result.stderr


def test_a_module_that_misses_an_import_shows_its_own_traceback(app: Path) -> None:
    app.write_text("import not_installed\n")
    result = invoke("app:queue")
    assert isinstance(result.exception, ModuleNotFoundError)
    assert result.exception.name == "not_installed"


def test_a_setting_that_makes_no_sense_exits_2() -> None:
    result = invoke("app:queue", "--concurrency", "0")
    assert (result.exit_code, "concurrency" in result.stderr) == (2, True)


def test_every_setting_reaches_the_worker() -> None:
    for option in ("grace", "max-stall"):
        result = invoke("app:queue", f"--{option}", "-1")
        assert (result.exit_code, option.replace("-", "_") in result.stderr) == (2, True)


def test_a_task_that_cannot_travel_exits_2(app: Path) -> None:
    app.write_text(app.read_text() + "@queue.task\ndef bad(x: 'Nowhere'): ...\n")
    result = invoke("app:queue")
    assert (result.exit_code, "task 'bad'" in result.stderr) == (2, True)


def test_processes_want_a_broker_outside_of_this_one() -> None:
    result = invoke("app:queue", "--processes", "2")
    assert (result.exit_code, "queue 'default' lives in one process" in result.stderr) == (2, True)


def test_there_is_at_least_one_process() -> None:
    result = invoke("app:queue", "--processes", "0")
    assert (result.exit_code, "--processes" in result.stderr) == (2, True)


def test_the_leash_is_for_the_supervisor_alone() -> None:
    assert "--leash" not in invoke("--help").stdout
    result = CliRunner().invoke(
        main,
        ["worker", "app:queue", "-c", "0"],
        env={"HEADRACE_WORKER_LEASH": "no number"},
        auto_envvar_prefix="HEADRACE",
    )
    assert "concurrency" in result.stderr, "the environment, which is inherited, has no say"


def test_a_broker_that_refuses_exits_3(monkeypatch: pytest.MonkeyPatch) -> None:
    faulty = FaultyBroker(MemoryBroker())
    faulty.fail("declare", ConfigMismatch("queue 'default' exists with lease=5"))

    def load(target: str) -> Queue:
        return Queue(faulty)

    monkeypatch.setattr("headrace.cli.worker.load_queue", load)
    result = invoke("anything:queue")
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (
        3,
        "Error: queue 'default' exists with lease=5",
    )


def test_help_tells_the_exit_codes() -> None:
    result = invoke("--help")
    assert "\n    130  the third signal\n" in result.stdout
    assert CliRunner().invoke(main, ["--version"]).stdout.endswith(f"{headrace.__version__}\n")


def test_a_version_in_the_environment_is_no_question() -> None:
    environment = {"HEADRACE_VERSION": "1.2"}
    result = CliRunner().invoke(main, ["doctor", "memory://"], env=environment)
    assert result.exit_code == 0


def test_every_option_can_come_from_the_environment() -> None:
    result = CliRunner().invoke(
        main,
        ["worker", "app:queue"],
        env={"HEADRACE_WORKER_CONCURRENCY": "0"},
        auto_envvar_prefix="HEADRACE",
    )
    assert "concurrency" in result.stderr


# logs


def record(message: str, **facts: object) -> logging.LogRecord:
    made = logging.LogRecord("headrace", logging.WARNING, "file.py", 1, message, (), None)
    vars(made).update(facts)
    return made


def test_facts_stand_behind_the_message() -> None:
    line = FactsFormatter().format(record("job is dead", job_id="42", reason="no good", attempt=3))
    assert line.endswith("WARNING job is dead job_id=42 reason='no good' attempt=3")


def test_a_traceback_stands_beneath() -> None:
    line = FactsFormatter().format(record("job is dead", traceback="Traceback:\n  ValueError\n"))
    assert line.splitlines()[1:] == ["Traceback:", "  ValueError"]
    try:
        raise ValueError("bad")
    except ValueError:
        made = record("trouble", job_id="42")
        made.exc_info = sys.exc_info()
    lines = FactsFormatter().format(made).splitlines()
    assert lines[0].endswith("trouble job_id=42")
    assert lines[-1] == "ValueError: bad"


@pytest.mark.parametrize("evil", ["42\nERROR forged line", "\x1b[2Jgone", "a\rb", "\u202etxt"])
def test_no_fact_can_forge_a_line_or_speak_to_the_terminal(evil: str) -> None:
    text = FactsFormatter().format(record("job is dead", job_id=evil, traceback=evil))
    assert all(char.isprintable() or char == "\n" for char in text)
    assert sum("job is dead" in line for line in text.splitlines()) == 1
    assert not any(line.startswith("ERROR forged") for line in text.splitlines()[:1])


def test_logging_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info")
    logging.getLogger("headrace").info("worker is serving", extra={"worker": "w-1"})
    logging.getLogger("headrace").debug("too much")
    assert capsys.readouterr().err.endswith("INFO    worker is serving worker=w-1\n")


def test_json_logs_are_one_object_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "json")
    facts = {"job_id": "42\n", "attempt": 3, "lease": object, "traceback": "Traceback\n  x"}
    logging.getLogger("headrace").warning("job is %s", "dead", extra=facts)
    try:
        raise ValueError("bad")
    except ValueError:
        logging.getLogger("headrace").exception("trouble")
    first, second = capsys.readouterr().err.splitlines()
    line = orjson.loads(first)
    assert (line["level"], line["logger"], line["message"]) == (
        "warning",
        "headrace",
        "job is dead",
    )
    assert (line["job_id"], line["attempt"], line["lease"]) == ("42\n", 3, "<class 'object'>")
    assert line["time"] > 0
    assert orjson.loads(second)["exception"].endswith("ValueError: bad")


# the event loop


def test_uvloop_is_used_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def name() -> str:
        return type(asyncio.get_running_loop()).__module__

    assert run(name()) == "uvloop"
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert run(name()).startswith("asyncio.")
