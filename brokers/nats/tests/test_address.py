"""Broker URLs: every form and option, and errors that name the part and tell no secret."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.pretty import pretty_repr

from headrace_nats.address import parse_address
from tests.disclosure import refusal, shown


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("nats://", {"hosts": (("localhost", 4222),), "tls": False}),
        ("nats://h", {"hosts": (("h", 4222),), "username": None, "password": None, "token": None}),
        ("nats://h:7000/", {"hosts": (("h", 7000),)}),
        ("nats://a:1,b,c:3", {"hosts": (("a", 1), ("b", 4222), ("c", 3))}),
        ("nats://[::1]:7000,[fe80::1]", {"hosts": (("::1", 7000), ("fe80::1", 4222))}),
        ("nats://u:p@h", {"username": "u", "password": "p", "token": None}),
        ("nats://u:p@a,b", {"username": "u", "hosts": (("a", 4222), ("b", 4222))}),
        ("nats://t@h", {"token": "t", "username": None, "password": None}),
        ("nats://a%40b:p%2F%3A%40%23@h", {"username": "a@b", "password": "p/:@#"}),
        ("nats://%24%3A%40@h", {"token": "$:@"}),
        ("nats://u:p:q@h", {"username": "u", "password": "p:q"}),
        ("nats://@h", {"token": None, "username": None}),
        ("tls://a,b", {"tls": True, "hosts": (("a", 4222), ("b", 4222)), "tls_ca": None}),
        ("tls://h?tls_ca=/ca", {"tls": True, "tls_ca": "/ca"}),
        ("tls://h?tls_cert=c&tls_key=k", {"tls_cert": "c", "tls_key": "k"}),
        ("nats://h?creds=/run/a%20b.creds", {"creds": "/run/a b.creds", "nkey": None}),
        ("nats://h?nkey=user.nk", {"nkey": "user.nk", "creds": None}),
        ("nats://h?timeout=0.5&window=30", {"timeout": 0.5, "window": 30.0}),
        ("nats://h?prefix=shop&replicas=3", {"prefix": "shop", "replicas": 3}),
        ("nats://h?replicas=5&storage=memory", {"replicas": 5, "storage": "memory"}),
        ("nats://h", {"prefix": "headrace", "replicas": 1, "storage": "file"}),
        ("nats://h", {"timeout": 5.0, "window": 120.0}),
    ],
)
def test_a_url_says_where_the_servers_are(url: str, expected: dict[str, Any]) -> None:
    address = parse_address(url)
    assert {name: getattr(address, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("http://u:hunter2@h", "the schemes are nats, tls"),
        ("nats://u:hunter2@h:port", "port is a number"),
        ("nats://u:hunter2@h:70000", "port is a number"),
        ("nats://u:hunter2@h:0", "port is a number"),
        (f"nats://u:hunter2@h:{'9' * 5000}", "port is a number"),
        ("nats://u:hunter2@[::1]4222x", "port is a number"),
        ("nats://u:hunter2@a,,b", "there is a comma without a host"),
        ("nats://u:hunter2@a,", "there is a comma without a host"),
        ("nats://u:hunter2@h/queue", "behind the hosts comes nothing"),
        ("nats://u:hunter2@h#queue", "behind the hosts comes nothing"),
        ("nats://u:hunter2@a,nats://b", "behind the hosts comes nothing"),
        ("nats://u:hunter2@a,u:hunter2@b", "stand once, before the first host"),
        ("nats://u:hunt@er2hunter2@h", "write @ in them as %40"),
        ("nats://:hunter2@h", "a user name and a password go together"),
        ("nats://hunter2:@h", "a user name and a password go together"),
        ("nats://u:hunter2@h?colour=red", "no option 'colour'; there are prefix, replicas"),
        ("nats://u:hunter2@h?replicas=2", "replicas is 1, 3 or 5"),
        ("nats://u:hunter2@h?replicas=hunter2", "replicas is 1, 3 or 5"),
        ("nats://u:hunter2@h?storage=hunter2", "storage is file or memory"),
        ("nats://u:hunter2@h?window=hunter2", "window is a number of seconds"),
        ("nats://u:hunter2@h?timeout=0", "timeout is a number of seconds, more than 0"),
        ("nats://u:hunter2@h?timeout=nan", "timeout is a number of seconds"),
        ("nats://u:hunter2@h?timeout=-1", "timeout is a number of seconds"),
        ("nats://u:hunter2@h?prefix=hunter2.a", "prefix is 1 to 64 of"),
        ("nats://u:hunter2@h?prefix=", "prefix is 1 to 64 of"),
        ("nats://h?creds=", "creds is the name of a file"),
        ("nats://u:hunter2@h?creds=f", "choose one of user name and password, a token"),
        ("nats://hunter2@h?nkey=f", "choose one of"),
        ("nats://h?nkey=hunter2&creds=f", "choose one of"),
        ("tls://u:hunter2@h?tls_cert=c", "tls_cert and tls_key go together"),
        ("tls://u:hunter2@h?tls_key=k", "tls_cert and tls_key go together"),
        ("nats://u:hunter2@h?tls_ca=c", "want tls:// in place of nats://"),
        ("nats://u:hunter2@h?tls_cert=c&tls_key=k", "want tls:// in place of nats://"),
        ("nats://u:hunter2/@h", "percent-encode"),
        ("nats://u:a/hunter2@h", "percent-encode"),
        ("nats://u:a?hunter2@h", "percent-encode"),
        ("nats://u:a#hunter2@h", "percent-encode"),
        ("nats://u:hunter2@[h", "not a broker URL"),
    ],
)
def test_an_error_names_the_part_and_shows_no_secret(url: str, part: str) -> None:
    assert part in refusal(parse_address, url)


@given(st.text(), st.text(), st.text(), st.sampled_from(["nats", "tls", "x"]))
def test_no_password_ever_shows(head: str, tail: str, rest: str, scheme: str) -> None:
    told = shown(parse_address, f"{scheme}://user:{head}hunter2{tail}@{rest}")
    assert "hunter2" not in told.replace(rest, "") or "hunter2" in rest


@given(st.text(min_size=1), st.text(min_size=1))
def test_any_password_and_any_token_fit_into_a_url(username: str, password: str) -> None:
    with suppress(UnicodeEncodeError):  # half a surrogate pair
        url = f"nats://{quote(username, safe='')}:{quote(password, safe='')}@h"
        address = parse_address(url)
        assert (address.username, address.password) == (username, password)
        assert parse_address(f"nats://{quote(password, safe='')}@h").token == password


def test_what_is_shown_of_an_address_is_its_redacted_url() -> None:
    address = parse_address("nats://user:hunter2@h:4222?prefix=shop")
    assert repr(address) == "<Address nats://***@h:4222?prefix=***>"
    assert "hunter2" not in pretty_repr(address)
