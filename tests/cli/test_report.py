"""`headrace bench report`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from msgspec import structs

from headrace.bench.record import write_record
from tests.bench.specimen import specimen
from tests.cli.conftest import Command

SMALL = structs.replace(specimen(), series=specimen().series[:6])


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A file with a run."""
    path = tmp_path / "run.json"
    write_record(SMALL, path)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_report_is_written_beside_its_run(headrace: Command, run: Path) -> None:
    result = headrace("bench", "report", str(run))
    folder = run.with_name("run-report")
    assert result.exit_code == 0
    assert result.stdout == f"{folder / 'report.html'}\n{folder / 'report.md'}\n"
    assert sorted(contents(folder)) == ["enqueue-throughput.svg", "report.html", "report.md"]


def test_the_same_run_gives_the_same_bytes(headrace: Command, run: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        headrace("bench", "report", str(run), "--against", str(run), "--out", str(tmp_path / name))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_comparison_is_part_of_the_report(headrace: Command, run: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    write_record(structs.replace(SMALL, series=SMALL.series[:2]), old)
    headrace("bench", "report", str(run), "--against", str(old), "--out", str(tmp_path / "out"))
    assert b"4 only in this run, 2 within noise" in (tmp_path / "out/report.html").read_bytes()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 2}', "\x00", '"redis://u:p@h"'])
def test_a_file_that_holds_no_run_ends_in_one_line(
    headrace: Command, run: Path, tmp_path: Path, text: str
) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text(text)
    for args in ([str(broken)], [str(run), "--against", str(broken)]):
        result = headrace("bench", "report", *args)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.count("\n") == 1
        assert "broken.json" in result.stderr
    assert sorted(contents(tmp_path)) == ["broken.json", "run.json"]


def test_a_figure_that_no_benchmark_finds_ends_in_one_line(headrace: Command, run: Path) -> None:
    series = structs.replace(SMALL.series[0], values=[1e300])
    write_record(structs.replace(SMALL, series=[series]), run)
    result = headrace("bench", "report", str(run))
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)


def test_a_folder_that_cannot_be_written_to_ends_in_one_line(
    headrace: Command, run: Path, tmp_path: Path
) -> None:
    result = headrace("bench", "report", str(run), "--out", str(run / "below-a-file"))
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: cannot write the report")
    assert result.stderr.count("\n") == 1


def test_a_file_that_is_not_there_is_a_mistake_of_the_command_line(headrace: Command) -> None:
    assert headrace("bench", "report", "nowhere.json").exit_code == 2


def test_without_matplotlib_the_extra_is_named(run: Path) -> None:
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        f"sys.argv = ['headrace', 'bench', 'report', {str(run)!r}]\n"
        "from headrace.cli.main import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == 'Error: the plots need matplotlib: pip install "headrace[bench]"\n'
    assert not run.with_name("run-report").exists()


def test_the_commands_start_without_matplotlib() -> None:
    code = "import sys, headrace.cli.main; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
