"""`headrace bench report`."""

from __future__ import annotations

from pathlib import Path

import click

from headrace.bench.document import Plot
from headrace.bench.html import html
from headrace.bench.markdown import markdown
from headrace.bench.record import Record, read_record
from headrace.bench.report import report as compose
from headrace.bench.svg import standalone
from headrace.bench.wording import presentable
from headrace.cli.failure import Failure

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

REPORT_EPILOG = """\b
Example:
  headrace bench report today.json --against yesterday.json

\b
Exit codes:
  0  the pages are written
  2  the command line is wrong, RUN holds no run, or something is not installed
"""


@click.command(epilog=REPORT_EPILOG)
@click.argument("run", type=_FILE)
@click.option("--against", type=_FILE, help="An earlier run to compare it with.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder to write to, made if it is not there.  "
    "[default: RUN without its suffix, and -report]",
)
def report(run: Path, against: Path | None, out: Path | None) -> None:
    """Write what a run of benchmarks found: report.html, and report.md with its plots.

    RUN is a file of `headrace bench`. The HTML page is one file that loads nothing; the plots of
    the other lie beside it as SVG files. A comparison marks what differs beyond noise. It needs the
    extra bench: pip install "headrace[bench]".
    """
    record = presentable(read_record(run))
    other = None if against is None else presentable(read_record(against))
    plots = _plots(record)
    document = compose(record, plots, other)
    folder = out or run.with_name(f"{run.stem}-report")
    files = {"report.html": html(document), "report.md": markdown(document)}
    files |= {f"{plot.name}.svg": standalone(plot.svg) for plot in plots}
    _write(folder, files)
    for name in ("report.html", "report.md"):
        click.echo(folder / name)


def _plots(record: Record) -> list[Plot]:
    """Draw the plots.

    Raises:
        Failure: What draws is not installed.
    """
    try:
        from headrace.bench.plots import plots  # noqa: PLC0415 - it needs an extra
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "matplotlib":
            raise
        message = 'the plots need matplotlib: pip install "headrace[bench]"'
        raise Failure(message) from error
    return plots(record)


def _write(folder: Path, files: dict[str, str]) -> None:
    """Write files into a folder, which is made if it is not there.

    Raises:
        Failure: They cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        message = f"cannot write the report: {error}"
        raise Failure(message) from error
