"""A property that does not hold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headrace.ids import is_valid_id


@given(st.binary(min_size=3, max_size=3))
def test_no_three_bytes_are_an_id(data: bytes) -> None:
    assert not is_valid_id(data.decode(errors="replace"))
