"""What the docstrings show is what happens."""

from __future__ import annotations

import asyncio

import pytest

from tests.reference.examples import examples, play


@pytest.mark.parametrize(("name", "doc"), [pytest.param(*one, id=one[0]) for one in examples()])
def test_the_examples_show_what_happens(name: str, doc: str) -> None:
    assert asyncio.run(play(doc)) == []


def test_an_example_that_shows_something_else_is_noticed() -> None:
    [failure] = asyncio.run(play(">>> await send_email('a@b.c', 'hi')\n3"))
    assert "shows\n2\n" in failure
    assert asyncio.run(play(">>> 1 / 0")) != []
