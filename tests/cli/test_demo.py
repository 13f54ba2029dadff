"""The demo, on a real folder of files."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from headrace.cli import demo as demo_module
from headrace.cli.folder import FileIndex, index, text_files
from headrace.cli.indexing import indexing_queue
from headrace.cli.main import main


def run(*args: str) -> Result:
    return CliRunner().invoke(main, ["demo", *args])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(120):
        (tmp_path / f"{number}.txt").write_text(f"file number {number}\n" * number)
    return tmp_path


def test_the_demo_indexes_a_folder_and_verifies_itself(folder: Path) -> None:
    result = run(str(folder), "--verify")
    assert result.exit_code == 0, result.output
    told = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert told["jobs"] == "120"
    assert told["retries"] == "3", "one job in fifty fails once"
    assert told["dead"] == "letters  0"
    assert told["totals"].startswith("120 files, ")
    assert told["commonest"].startswith("file 7,140, number 7,140")
    assert told["verify"] == "equal to a plain loop over the same files"
    assert "p50" in result.stdout
    assert "p99" in result.stdout


def test_without_rich_a_plain_bar_is_shown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rich.console", None)
    result = run(str(folder), "--verify")
    assert (result.exit_code, "indexing" in result.stderr) == (0, True)


def test_one_file_is_enough(tmp_path: Path) -> None:
    (tmp_path / "only.txt").write_text("x\n")
    result = run(str(tmp_path), "--verify", "--url", "memory://")
    assert result.exit_code == 0, result.output
    assert "to start      -" in result.stdout


def test_a_difference_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def other(path: Path) -> FileIndex:
        file = index(path)
        return FileIndex(file.size, file.sha256, file.lines + 1, file.words, file.commonest)

    monkeypatch.setattr(demo_module, "index", other)
    result = run(str(folder), "--verify")
    assert result.exit_code == 1
    assert "DIFFERENT" in result.stderr


def test_a_file_that_vanishes_is_a_dead_letter(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [*text_files(folder), folder / "gone.txt"]

    def with_a_ghost(root: Path) -> list[Path]:
        return found

    monkeypatch.setattr(demo_module, "text_files", with_a_ghost)
    result = run(str(folder))
    assert result.exit_code == 1
    assert "dead letters  1" in result.stdout
    assert "FileNotFoundError" in result.stderr


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    result = run(str(tmp_path))
    assert (result.exit_code, "no text files below" in result.stderr) == (2, True)


def test_processes_want_a_broker_outside_of_this_one(folder: Path) -> None:
    result = run(str(folder), "--workers", "2")
    assert result.exit_code == 2
    assert "this broker lives in this one: give another --url" in result.stderr


def test_the_queue_for_worker_processes_is_made_when_asked_for() -> None:
    from headrace.cli import indexing

    assert indexing.queue.name == "headrace-demo"
    assert list(indexing.queue.tasks) == ["index_file"]
    with pytest.raises(AttributeError):
        _ = indexing.nothing
    assert indexing_queue("memory://")[0].name == "headrace-demo"
