from __future__ import annotations

from collections.abc import Callable

from tests.examples.conftest import Open
from tests.examples.terminal import Terminal


def test_the_shop_needs_none_of_billings_code(
    terminal: Open, worker: Callable[..., Terminal]
) -> None:
    worker("examples.two_services.billing:queue")
    paid, unread = terminal().run("python -m examples.two_services.shop")
    assert paid == "order 42: 44.80 EUR"
    assert unread.startswith("order 43: ")
    assert "price" in unread
