"""One property under atheris: `python -m tests.fuzz.fuzzer MODULE:NAME [flags of libFuzzer]`."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from tests.fuzz.targets import INSTRUMENTED, entry

atheris: Any = import_module("atheris")  # its stubs do not know all of it
target = sys.argv.pop(1)
with atheris.instrument_imports(include=INSTRUMENTED):
    fuzz = entry(target)
atheris.Setup(sys.argv, fuzz)
atheris.Fuzz()
