"""Who gets which cores."""

from __future__ import annotations

import pytest

from benchmarks.placement import Placement, placement


@pytest.mark.parametrize("cores", [[], [3], [0, 1]])
def test_nothing_is_pinned_where_there_is_not_a_core_for_each(cores: list[int]) -> None:
    assert placement(cores) is None


def test_server_producer_and_workers_share_no_core() -> None:
    placed = placement([7, 2, 4, 5])
    assert placed is not None
    assert placed == Placement(frozenset({2}), frozenset({4}), frozenset({5, 7}))
    assert (
        placed.note == "pinned: the server to core 2, the producer to 4, worker processes to 5, 7"
    )
