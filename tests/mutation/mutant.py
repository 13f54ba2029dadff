"""A mistake made on purpose."""

from __future__ import annotations

from msgspec import Struct


class Mutant(Struct, frozen=True):
    """A source file with one mistake in it.

    Attributes:
        line: Where the mistake is, from 1.
        what: Which it is, for the reader.
        text: The whole source with it.
    """

    line: int
    what: str
    text: str
