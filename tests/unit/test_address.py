from __future__ import annotations

from typing import Any
from urllib.parse import SplitResult

import pytest
from rich.pretty import pretty_repr

from headrace import InvalidURL
from headrace.address import BrokerAddress, read_options, read_prefix, read_seconds, understand
from tests.disclosure import refusal


class Shop(BrokerAddress, frozen=True, kw_only=True):
    password: str | None


def shop(shown: str, parts: SplitResult) -> Shop:
    options = read_options(parts.query, {"prefix": read_prefix, "timeout": read_seconds})
    return Shop(url=shown, password=parts.password, **options)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ("headrace", 5.0)),
        ("?timeout=0.5", ("headrace", 0.5)),
        ("?prefix=a_b-1&timeout=2", ("a_b-1", 2.0)),
    ],
)
def test_what_is_given_is_read(query: str, expected: tuple[str, float]) -> None:
    address = understand(f"shop://clerk:hunter2@h{query}", ("shop",), shop)
    assert (address.password, address.prefix, address.timeout) == ("hunter2", *expected)


def test_an_address_shows_its_redacted_url_and_nothing_else() -> None:
    address = understand("shop://clerk:hunter2@h?prefix=a", ("shop",), shop)
    assert address.url == "shop://***@h?prefix=***"
    assert f"{address!r} {address}" == f"<Shop {address.url}> <Shop {address.url}>"
    assert pretty_repr(address) == f"Shop(url={address.url!r})"


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("mail://clerk:hunter2@h", "mail://***@h: the schemes are shop, shops"),
        ("shop://clerk:hunter2@h?colour=hunter2", "no option 'colour'; there are prefix, timeout"),
        ("shop://clerk:hunter2@h?prefix=hunter2.a", "a prefix is 1 to 64 of A-Z a-z 0-9 _ -"),
        ("shop://clerk:hunter2@h?prefix=", "a prefix is 1 to 64 of"),
        ("shop://clerk:hunter2@h?timeout=hunter2", "timeout is a number of seconds, more than 0"),
        ("shop://clerk:hunter2@h?timeout=0", "timeout is a number of seconds, more than 0"),
        ("shop://clerk:hunter2@h?timeout=nan", "timeout is a number of seconds, more than 0"),
        ("shop://clerk:hunter2@h?timeout=inf", "timeout is a number of seconds, more than 0"),
        ("shop://clerk:hunter2/@h", "percent-encode / ? # @"),
        ("shop://clerk:a?hunter2@h", "percent-encode / ? # @"),
        ("shop://clerk:a#hunter2@h", "percent-encode / ? # @"),
        ("shop://clerk:hunter2@[h", "not a broker URL"),
    ],
)
def test_what_is_wrong_is_told_without_a_secret(url: str, what: str) -> None:
    assert what in refusal(lambda url: understand(url, ("shop", "shops"), shop), url)


def test_what_a_reader_raises_is_told_behind_the_url() -> None:
    def refuse(shown: str, parts: SplitResult) -> Any:
        raise ValueError("the shop is closed")

    with pytest.raises(InvalidURL, match=r"^shop://\*\*\*@h: the shop is closed$"):
        understand("shop://clerk:hunter2@h", ("shop",), refuse)
