from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from headrace.cli.folder import SNIFFED, FileIndex, index, text_files, total


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "b.txt").write_text("The cat, the CAT and the dog.\nÄpfel äpfel\n")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "empty.txt").write_text("")
    (tmp_path / "a" / "code.py").write_text("print(1)\n")
    (tmp_path / "binary").write_bytes(b"text\0more")
    (tmp_path / "latin").write_bytes(b"\xe4\xf6")
    (tmp_path / "long.txt").write_bytes(b"x" * (SNIFFED - 1) + "ä".encode() * 5)
    (tmp_path / "cut").write_bytes(b"x" * (SNIFFED - 1) + b"\xff\xff\xff")
    for skipped in (".git", "__pycache__", "node_modules"):
        (tmp_path / skipped).mkdir()
        (tmp_path / skipped / "file.txt").write_text("not looked at")
    (tmp_path / "link.txt").symlink_to(tmp_path / "b.txt")
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere")
    return tmp_path


def test_text_files_are_found(folder: Path) -> None:
    found = [str(path.relative_to(folder)) for path in text_files(folder)]
    assert found == ["b.txt", "cut", "long.txt", "a/code.py", "a/empty.txt"]


def test_a_file_that_cannot_be_read_is_no_text_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, *args: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "open", refuse)
    assert list(text_files(folder)) == []


def test_a_file_is_indexed(folder: Path) -> None:
    path = folder / "b.txt"
    assert index(path) == FileIndex(
        size=len(path.read_bytes()),
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        lines=2,
        words=9,
        commonest=[("the", 3), ("cat", 2), ("äpfel", 2), ("and", 1), ("dog", 1)],
    )


def test_an_empty_file_is_indexed(folder: Path) -> None:
    file = index(folder / "a" / "empty.txt")
    assert (file.size, file.lines, file.words, file.commonest) == (0, 0, 0, [])


def test_the_order_of_the_files_does_not_matter(folder: Path) -> None:
    files = [index(path) for path in text_files(folder)]
    assert total(files) == total(reversed(files))
    assert total(files).files == 5
    assert total(files).words == sum(file.words for file in files)


def test_a_changed_file_changes_the_totals(folder: Path) -> None:
    before = total(map(index, text_files(folder)))
    (folder / "b.txt").write_text("the cat, the CAT and the dog.\nÄpfel äpfel\n")
    after = total(map(index, text_files(folder)))
    assert (before.words, before.size) == (after.words, after.size)
    assert before.digest != after.digest


def test_nothing_is_nothing() -> None:
    assert (total([]).files, total([]).commonest) == (0, [])
