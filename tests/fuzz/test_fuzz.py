"""The fuzzer finds what is there, and knows every property."""

from __future__ import annotations

import pytest

from tests.fuzz.__main__ import holds
from tests.fuzz.targets import MODULES, entry, properties


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_properties_that_take_bytes(module: str) -> None:
    found = list(properties(module))
    assert found
    for target in found:
        entry(target)(bytes(64))


def test_a_property_that_does_not_hold_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("atheris")
    assert not holds("tests.fuzz.broken:test_no_three_bytes_are_an_id", seconds=30, seed=7)
    assert "AssertionError" in capsys.readouterr().out
