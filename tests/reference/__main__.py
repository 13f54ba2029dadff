"""Make what of the reference is made.

uv run python -m tests.reference                the page of the commands
uv run python -m tests.reference examples.py    the docstrings' examples, for type checkers
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.reference.commands import PAGE, page
from tests.reference.examples import module

if len(sys.argv) > 1:
    Path(sys.argv[1]).write_text(module(), encoding="utf-8")
else:
    PAGE.write_text(page(), encoding="utf-8")
