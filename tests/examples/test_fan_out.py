from __future__ import annotations

from collections.abc import Callable

from tests.examples.conftest import Open
from tests.examples.terminal import Terminal


def test_a_thousand_jobs_find_all_primes(terminal: Open, worker: Callable[..., Terminal]) -> None:
    worker("examples.fan_out:queue --processes 2")
    [line] = terminal().run("python -m examples.fan_out")
    assert line == "1,000 jobs found 9,592 primes below 100,000"
