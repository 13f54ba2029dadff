"""The colours of a report: drawn for a light page, exchanged on a dark one."""

from __future__ import annotations

from typing import NamedTuple


class Colour(NamedTuple):
    """One colour on two pages."""

    light: str
    dark: str


PAPER = Colour("#ffffff", "#14181d")
INK = Colour("#1f2933", "#e6e9ed")
QUIET = Colour("#52606d", "#a3adb8")
LINE = Colour("#dfe3e8", "#333c46")
BETTER = Colour("#1d7a46", "#62d296")
WORSE = Colour("#b3263a", "#ff8a97")

SUBJECTS = (
    Colour("#1f6fb4", "#6cb2f0"),
    Colour("#d9730d", "#f5a35c"),
    Colour("#2a8a57", "#5fcf96"),
    Colour("#7a54b5", "#b79bea"),
    Colour("#c23b4e", "#f0808f"),
    Colour("#128a8f", "#55cdd2"),
    Colour("#8a5a2b", "#cfa071"),
    Colour("#b83f93", "#ee8fd0"),
)
"""For what is compared: as far apart as they go, also for those who see few colours."""

DRAWN = (PAPER, INK, QUIET, LINE, *SUBJECTS)
"""All that plots use."""


def dark_css() -> str:
    """Return the rule that exchanges the colours of drawings where the reader's page is dark."""
    rules = "".join(
        f'[{name}="{colour.light}"]{{{name}:{colour.dark}}}'
        for colour in DRAWN
        for name in ("fill", "stroke")
    )
    return f"@media (prefers-color-scheme:dark){{{rules}}}"
