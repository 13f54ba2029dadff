"""Puts a mutant in the place of a file, for this process alone: the file itself stays as it is."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

PACKAGES = "src"
"""The folder in which packages stand."""

OWN = ("headrace", "tests", "brokers")
"""What the project's own modules are called, up to the first dot or underscore."""


def module_name(path: Path) -> str:
    """Return the name under which a source file is imported."""
    parts = path.with_suffix("").parts
    names = parts[len(parts) - parts[::-1].index(PACKAGES) :]
    return ".".join(names).removesuffix(".__init__")


class _Loader(SourceFileLoader):
    text = ""

    def get_code(self, fullname: str) -> CodeType:
        """Compile the mutant; what is in the cache is the module."""
        return compile(self.text, self.path, "exec")


class _Finder(MetaPathFinder):
    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._name = module_name(path)
        self._text = text

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        loader = _Loader(fullname, str(self._path))
        loader.text = self._text
        return spec_from_file_location(fullname, self._path, loader=loader)


def swap(path: Path, text: str) -> None:
    """Forget the project's modules, and have another text found in the place of a file.

    It is found by every later import, or by every later reading if the file is no module.

    Args:
        path: Absolute, of the file.
        text: What takes its place.
    """
    for name in [one for one in sys.modules if one.replace("_", ".").split(".")[0] in OWN]:
        del sys.modules[name]
    if path.suffix == ".py":
        sys.meta_path.insert(0, _Finder(path, text))
        return
    read = Path.read_text

    def read_text(self: Path, *args: Any, **options: Any) -> str:
        return text if self == path else read(self, *args, **options)

    Path.read_text = read_text  # type: ignore[method-assign]
