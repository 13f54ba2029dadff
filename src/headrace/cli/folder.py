"""The demo's work: what is in the text files of a folder. Plain functions, no queue."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages"})
"""Folders that hold what nobody wrote; those whose name begins with a dot are skipped too."""

SNIFFED = 8_192
"""Bytes that tell a text file."""

COMMONEST = 10

_WORD = re.compile(r"[^\W\d_]+")


class FileIndex(Struct, frozen=True):
    """What is in one file.

    Attributes:
        size: Bytes.
        sha256: Of its bytes, in hexadecimal digits.
        lines: How many there are.
        words: How many there are.
        commonest: The ten commonest words with their counts.
    """

    size: int
    sha256: str
    lines: int
    words: int
    commonest: list[tuple[str, int]]


class FolderTotals(Struct, frozen=True):
    """What is in a folder, all files together.

    Attributes:
        files: How many there are.
        size: Bytes.
        lines: How many there are.
        words: How many there are.
        digest: SHA-256 of the files' digests in sorted order.
        commonest: The ten commonest of the files' ten commonest words.
    """

    files: int
    size: int
    lines: int
    words: int
    digest: str
    commonest: list[tuple[str, int]]


def text_files(root: Path) -> Iterator[Path]:
    """Yield the text files below a folder, sorted within each."""
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = sorted(
            name for name in subfolders if name not in SKIPPED and not name.startswith(".")
        )
        for name in sorted(names):
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink() and _is_text(path):
                yield path


def _is_text(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(SNIFFED)
    except OSError:
        return False
    if b"\0" in head:
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        # The last character may be cut.
        return len(head) == SNIFFED and error.start > len(head) - 4
    return True


def index(path: Path) -> FileIndex:
    """Return what is in a file.

    Raises:
        OSError: It cannot be read.
    """
    raw = path.read_bytes()
    text = raw.decode("utf-8", "replace")
    words = Counter(_WORD.findall(text.lower()))
    return FileIndex(
        size=len(raw),
        sha256=hashlib.sha256(raw).hexdigest(),
        lines=text.count("\n"),
        words=words.total(),
        commonest=_commonest(words),
    )


def total(indexes: Iterable[FileIndex]) -> FolderTotals:
    """Return what is in a folder, in whatever order its files come."""
    files = list(indexes)
    words: Counter[str] = Counter()
    for file in files:
        words.update(dict(file.commonest))
    digests = "".join(sorted(file.sha256 for file in files))
    return FolderTotals(
        files=len(files),
        size=sum(file.size for file in files),
        lines=sum(file.lines for file in files),
        words=sum(file.words for file in files),
        digest=hashlib.sha256(digests.encode()).hexdigest(),
        commonest=_commonest(words),
    )


def _commonest(words: Counter[str]) -> list[tuple[str, int]]:
    """Return the commonest words; of equally common ones the first in the alphabet."""
    return sorted(words.items(), key=lambda item: (-item[1], item[0]))[:COMMONEST]
