"""`headrace demo`: index a real folder through a queue, and check that nothing is missing."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from statistics import quantiles

import click
from msgspec import Struct

from headrace.broker import Capability
from headrace.cli.folder import FolderTotals, index, text_files, total
from headrace.cli.indexing import Indexed, clock, indexing_queue
from headrace.cli.logs import configure_logging
from headrace.cli.loop import run
from headrace.cli.progress import progress_bar
from headrace.errors import JobFailed
from headrace.handle import JobHandle
from headrace.queue import URL_VARIABLE, Queue
from headrace.task import Call
from headrace.worker.worker import Worker

FAILS_EVERY = 50

DEMO_EXIT_CODES = """\b
Exit codes:
  0  every job succeeded; with --verify: the totals are those of a plain loop
  1  they are not, or there are dead letters
  2  the command line is wrong, or there are no text files
  3  the broker refuses: credentials, settings, version
  4  the broker cannot be reached
"""


class Summary(Struct, frozen=True):
    """What came of the demo.

    Attributes:
        results: Of the jobs that succeeded.
        dead: The jobs that were dead-lettered.
        seconds: From the first enqueue to the last result.
    """

    results: list[Indexed]
    dead: list[JobFailed]
    seconds: float


@click.command(epilog=DEMO_EXIT_CODES)
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path), default=".")
@click.option("--url", help=f"The broker.  [default: ${URL_VARIABLE}, else memory://]")
@click.option("--workers", type=int, help="Start so many worker processes.  [default: in this one]")
@click.option("-c", "--concurrency", default=100, help="Jobs at a time for each worker.")
@click.option("--verify", is_flag=True, help="Compare with a plain loop; exit 1 if not equal.")
def demo(path: Path, url: str | None, workers: int | None, concurrency: int, verify: bool) -> None:  # noqa: FBT001
    """Index the text files below PATH, one job for each, and sum them up.

    Of each file: size, SHA-256, lines, words, the ten commonest words. One job in fifty fails the
    first time, so that a retry is seen. It prints jobs, retries, dead letters, jobs per second, the
    time from `enqueue` to the start and to the result (p50 and p99; all jobs are enqueued at once,
    so they wait for each other), and the folder's totals.
    """
    files = list(text_files(path.resolve()))
    if not files:
        message = f"no text files below {path}"
        raise click.UsageError(message)
    queue, task = indexing_queue(url)
    if workers is not None and Capability.SHARED not in queue.broker.capabilities:
        message = (
            "--workers starts processes, and this broker lives in this one: give another --url"
        )
        raise click.UsageError(message)
    if workers is None:
        crew = _worker_here(queue, concurrency)
    else:
        crew = _worker_processes(workers, url, concurrency)
    configure_logging("error")
    calls = [task.call(file, number % FAILS_EVERY == 0) for number, file in enumerate(files)]
    summary = run(_index_all(queue, calls, crew))
    totals = total(result.file for result in summary.results)
    _print(summary, totals)
    equal = not verify or _verify(files, totals)
    sys.exit(0 if equal and not summary.dead else 1)


async def _index_all(
    queue: Queue, calls: Sequence[Call[Indexed]], crew: AbstractAsyncContextManager[None]
) -> Summary:
    async with queue, crew:
        began = clock.monotonic()
        handles = await queue.enqueue_many(calls)
        with progress_bar(len(handles), "indexing") as advance:
            ends = await asyncio.gather(*(_end(handle, advance) for handle in handles))
        seconds = clock.monotonic() - began
    results = [end for end in ends if isinstance(end, Indexed)]
    return Summary(results, [end for end in ends if isinstance(end, JobFailed)], seconds)


async def _end(handle: JobHandle[Indexed], advance: Callable[[], None]) -> Indexed | JobFailed:
    try:
        return await handle.result()
    except JobFailed as error:
        return error
    finally:
        advance()


@asynccontextmanager
async def _worker_here(queue: Queue, concurrency: int) -> AsyncGenerator[None]:
    """Run a worker in this process."""
    worker = Worker(queue, concurrency=concurrency)
    running = asyncio.create_task(worker.run(signals=False))
    try:
        yield
    finally:
        worker.stop()
        await running


@asynccontextmanager
async def _worker_processes(number: int, url: str | None, concurrency: int) -> AsyncGenerator[None]:
    """Run workers in processes of their own: the command that anybody would use."""
    command = [sys.executable, "-m", "headrace", "worker", "headrace.cli.indexing:queue"]
    command += ["--concurrency", str(concurrency), "--log-level", "error"]
    environment = dict(os.environ) if url is None else {**os.environ, URL_VARIABLE: url}
    processes = [
        await asyncio.create_subprocess_exec(*command, env=environment) for _ in range(number)
    ]
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
        await asyncio.gather(*(process.wait() for process in processes))


def _print(summary: Summary, totals: FolderTotals) -> None:
    results = summary.results
    retries = sum(result.attempts - 1 for result in results)
    jobs = len(results) + len(summary.dead)
    click.echo(f"jobs          {jobs:,}")
    click.echo(f"retries       {retries:,}")
    click.echo(f"dead letters  {len(summary.dead):,}")
    click.echo(f"jobs/s        {jobs / summary.seconds:,.0f}")
    click.echo(f"to start      {_percentiles([result.waited for result in results])}")
    click.echo(f"to result     {_percentiles([result.took for result in results])}")
    click.echo(
        f"totals        {totals.files:,} files, {totals.size:,} bytes, {totals.lines:,} lines, "
        f"{totals.words:,} words"
    )
    commonest = ", ".join(f"{word} {count:,}" for word, count in totals.commonest)
    click.echo(f"commonest     {commonest}")
    click.echo(f"sha256        {totals.digest}")
    for dead in summary.dead:
        click.echo(f"dead          {dead}", err=True)


def _percentiles(seconds: Sequence[float]) -> str:
    if len(seconds) < 2:
        return "-"
    marks = quantiles(seconds, n=100, method="inclusive")
    return f"p50 {marks[49] * 1000:,.1f} ms   p99 {marks[98] * 1000:,.1f} ms"


def _verify(files: Sequence[Path], totals: FolderTotals) -> bool:
    """Say whether a plain loop over the same files comes to the same totals."""
    expected = total(map(index, files))
    if totals == expected:
        click.echo("verify        equal to a plain loop over the same files")
        return True
    click.echo(
        f"verify        DIFFERENT from a plain loop over the same files: {expected}", err=True
    )
    return False
