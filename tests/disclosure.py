"""What is shown of broker URLs with the password `hunter2` in them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rich.pretty import pretty_repr

from headrace import InvalidURL
from headrace.address import BrokerAddress


def refusal(understand: Callable[[str], object], url: str) -> str:
    """See that a URL is refused and its password not told, and return what is told."""
    with pytest.raises(InvalidURL) as caught:
        understand(url)
    assert "hunter2" not in str(caught.value)
    return str(caught.value)


def shown(understand: Callable[[str], BrokerAddress], url: str) -> str:
    """Return all that is shown of an address, or of the error if there is none."""
    try:
        address = understand(url)
    except InvalidURL as error:
        return str(error)
    return f"{address!r} {address.url} {pretty_repr(address)}"
