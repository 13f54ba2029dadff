from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from tests.examples.conftest import Open
from tests.examples.terminal import Terminal

ON_A_SCREEN = (
    "python -c 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))'"
)
"""Runs a command on a terminal, where bars move."""


def test_pictures_become_thumbnails(
    tmp_path: Path, terminal: Open, worker: Callable[..., Terminal]
) -> None:
    source, target = tmp_path / "pictures", tmp_path / "thumbnails"
    source.mkdir()
    target.mkdir()
    for number in range(10):
        Image.new("RGBA", (800, 400), (number, 0, 0)).save(source / f"{number}.png")
    (source / "broken.jpg").write_text("not a picture")
    (source / "notes.txt").write_text("not a picture either")

    worker("examples.thumbnails:queue")
    shell = terminal()
    shell.type(f"{ON_A_SCREEN} python -m examples.thumbnails {source} {target}")
    code, lines = shell.end()

    assert code == 1
    steps = re.findall(r"thumbnails +\[.*?\] +(\d+)%", " ".join(lines))
    assert steps == sorted(steps, key=int)
    assert steps[-1] == "100"
    assert [line.rstrip() for line in lines[-2:]] == [
        f"10 thumbnails in {target}",
        f"cannot identify image file '{source / 'broken.jpg'}'",
    ]
    assert {path.name for path in target.iterdir()} == {f"{number}.png.jpg" for number in range(10)}
    for path in target.iterdir():
        with Image.open(path) as picture:
            assert (picture.format, picture.size) == ("JPEG", (256, 128))
