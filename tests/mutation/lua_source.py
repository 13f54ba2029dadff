"""Mutants of Lua: one token changed, or one call dropped, at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from msgspec import Struct

from tests.mutation.mutant import Mutant

TOKEN = re.compile(
    r"(?P<space>\s+)|(?P<comment>--[^\n]*)|(?P<text>'[^'\n]*'|\"[^\"\n]*\")"
    r"|(?P<number>\d+(?:\.\d+)?)|(?P<word>[A-Za-z_][\w.]*)|(?P<mark>\.\.\.|\.\.|[=~<>]=|.)"
)
TURNED = {
    "==": "~=",
    "~=": "==",
    "<": "<=",
    "<=": "<",
    ">": ">=",
    ">=": ">",
    "and": "or",
    "or": "and",
    "not": "",
    "true": "false",
    "false": "true",
    "+": "-",
}
WORDS = {"and", "or", "not", "return", "if", "elseif", "while", "until", "in", "local", "function"}


class Token(Struct, frozen=True):
    """What stands at one place of a script."""

    kind: str
    text: str
    start: int


def lua_mutants(source: str) -> Iterator[Mutant]:
    """Return the mutants of a script, in the order of its text."""
    tokens = [token for token in _tokens(source) if token.kind not in ("space", "comment")]
    for before, token in pairwise([Token("", "", 0), *tokens]):
        new = _changed(before, token)
        if new is not None:
            end = token.start + len(token.text)
            yield _mutant(source, token.start, end, new, f"{token.text} -> {new or 'nothing'}")
    for first, last in _calls(tokens, source):
        what = f"dropped: {' '.join(source[first:last].split())}"
        yield _mutant(source, first, last, "", what)


def _tokens(source: str) -> Iterator[Token]:
    for found in TOKEN.finditer(source):
        yield Token(found.lastgroup or "", found.group(), found.start())


def _changed(before: Token, token: Token) -> str | None:
    if token.kind == "number":
        return str(int(token.text) + 1)
    if token.text == "-":
        operand = before.kind in ("number", "text") or before.text in (")", "]")
        operand = operand or (before.kind == "word" and before.text not in WORDS)
        return "+" if operand else ""
    return TURNED.get(token.text) if token.kind in ("mark", "word") else None


def _calls(tokens: list[Token], source: str) -> Iterator[tuple[int, int]]:
    """Return where calls stand whose answers nobody takes: a line each, or a few."""
    depth = 0
    for number, token in enumerate(tokens):
        if depth == 0 and token.kind == "word" and token.text not in WORDS:
            follows = number + 1 < len(tokens) and tokens[number + 1].text == "("
            line = source[source.rfind("\n", 0, token.start) + 1 : token.start]
            if follows and not line.strip():
                last = _closing(tokens, number + 1)
                yield token.start, last.start + 1
        depth += {"(": 1, "{": 1, "[": 1, ")": -1, "}": -1, "]": -1}.get(token.text, 0)


def _closing(tokens: list[Token], opening: int) -> Token:
    depth = 0
    for token in tokens[opening:]:
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth == 0:
            return token
    message = "a call is not closed"
    raise ValueError(message)


def _mutant(source: str, start: int, end: int, new: str, what: str) -> Mutant:
    line = source.count("\n", 0, start) + 1
    return Mutant(line, what, source[:start] + new + source[end:])
