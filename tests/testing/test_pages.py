"""The test files that the documentation shows are run by pytest, and come out as it says."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
FILE = re.compile(r'^```(?:py|toml) title="([^"]+)"\n(.*?)^```', re.MULTILINE | re.DOTALL)
PROMISE = re.compile(r"^(\d+) passed", re.MULTILINE)
LEAN = [f"-pno:{plugin}" for plugin in ("asyncio", "benchmark", "hypothesispytest", "randomly")]


@pytest.mark.parametrize("page", ["tutorial/tests.md", "how-to/testing.md"])
def test_what_a_page_tests_passes(page: str, pytester: pytest.Pytester) -> None:
    text = (DOCS / page).read_text()
    files = defaultdict[str, list[str]](list)
    for name, block in FILE.findall(text):
        files[name].append(block)
    for name, blocks in files.items():
        (pytester.path / name).write_text("\n\n".join(blocks))
    [promised] = PROMISE.findall(text)
    result = pytester.runpytest_subprocess(*LEAN, "-Werror")
    result.assert_outcomes(passed=int(promised))
