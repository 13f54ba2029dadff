"""Points between the steps of a change."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from headrace import faultpoint
from headrace.faultpoint import install, reach


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    yield
    install(None)


def test_nothing_happens_at_a_point() -> None:
    assert faultpoint._handler is None
    reach("somewhere")


def test_a_handler_hears_of_each_point() -> None:
    points: list[str] = []
    install(points.append)
    reach("one")
    reach("other")
    install(None)
    reach("third")
    assert points == ["one", "other"]


def test_what_a_handler_raises_is_raised_at_the_point() -> None:
    def fail(point: str) -> None:
        raise ConnectionError(point)

    install(fail)
    with pytest.raises(ConnectionError, match="somewhere"):
        reach("somewhere")
