"""Thumbnails of all pictures in a folder, with a progress bar.

`$HEADRACE_URL` names the broker, such as `redis://localhost:6379/0`. In one terminal, and in
another one:

    headrace worker examples.thumbnails:queue --processes 2
    python -m examples.thumbnails ~/Pictures /tmp/thumbnails

It needs `pillow`. The workers must see the same folders.
"""

import asyncio
from collections.abc import Iterable
from pathlib import Path

import click
from PIL import Image, UnidentifiedImageError

from headrace import JobFailed, Queue, RetryPolicy

SUFFIXES = {".gif", ".jpeg", ".jpg", ".png", ".webp"}

queue = Queue(name="thumbnails")


@queue.task(retry=RetryPolicy(attempts=3, never=(UnidentifiedImageError,)))
def thumbnail(source: Path, target: Path, size: int = 256) -> tuple[int, int]:
    """Write a copy of at most so many pixels each way, and return how many it has.

    A plain function runs in a thread, so that it may take its time.
    """
    with Image.open(source) as picture:
        picture.thumbnail((size, size))
        picture.convert("RGB").save(target)
        return picture.size


async def make_thumbnails(pictures: Iterable[Path], target: Path) -> list[JobFailed]:
    """Make them all, and return the failures."""
    failures: list[JobFailed] = []
    async with queue:
        jobs = await queue.enqueue_many(
            thumbnail.call(picture, target / f"{picture.name}.jpg") for picture in pictures
        )
        # The bar counts jobs that are over, in whatever order they end.
        ends = asyncio.as_completed([job.result() for job in jobs])
        with click.progressbar(ends, length=len(jobs), label="thumbnails") as bar:
            for end in bar:
                try:
                    await end
                except JobFailed as error:
                    failures.append(error)
    print(f"{len(jobs) - len(failures)} thumbnails in {target}")
    return failures


FOLDER = click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path)


@click.command()
@click.argument("source", type=FOLDER)
@click.argument("target", type=FOLDER)
def main(source: Path, target: Path) -> None:
    """Write thumbnails of the pictures in SOURCE to TARGET."""
    pictures = sorted(path for path in source.iterdir() if path.suffix.lower() in SUFFIXES)
    failures = asyncio.run(make_thumbnails(pictures, target))
    for failure in failures:
        print(failure.message)
    raise SystemExit(bool(failures))


if __name__ == "__main__":
    main()
