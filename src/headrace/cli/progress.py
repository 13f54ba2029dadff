"""A progress bar on standard error: rich's where it is installed, else click's."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

import click


@contextmanager
def progress_bar(length: int, label: str) -> Generator[Callable[[], None]]:
    """Show a bar of so many steps, and yield what is called after each."""
    try:
        from rich.console import Console  # noqa: PLC0415 - it is optional
        from rich.progress import MofNCompleteColumn, Progress  # noqa: PLC0415
    except ImportError:
        with click.progressbar(length=length, label=label, file=sys.stderr) as bar:
            yield lambda: bar.update(1)
        return
    console = Console(stderr=True)
    with Progress(
        *Progress.get_default_columns(), MofNCompleteColumn(), console=console
    ) as progress:
        step = progress.add_task(label, total=length)
        yield lambda: progress.advance(step)
