"""Make what of the reference is made: `uv run python -m tests.reference`."""

from __future__ import annotations

from tests.reference.commands import PAGE, page

PAGE.write_text(page(), encoding="utf-8")
