from __future__ import annotations

from tests.reference.commands import PAGE, page


def test_the_page_of_the_commands_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "make it anew: uv run python -m tests.reference"
