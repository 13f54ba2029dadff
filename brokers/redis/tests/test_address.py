"""Broker URLs: every form and option, and errors that name the part and tell no secret."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.pretty import pretty_repr

from headrace_redis import RedisBroker
from headrace_redis.address import Kind, parse_address
from tests.disclosure import refusal, shown


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://", {"kind": Kind.SERVER, "hosts": (("localhost", 6379),), "db": 0, "tls": False}),
        ("redis://h", {"hosts": (("h", 6379),), "username": None, "password": None}),
        ("redis://h:7000/3", {"hosts": (("h", 7000),), "db": 3}),
        ("redis://h?db=4", {"db": 4}),
        ("redis://u:p@h", {"username": "u", "password": "p"}),
        ("redis://:p@h", {"username": None, "password": "p"}),
        ("redis://u@h", {"username": "u", "password": None}),
        ("redis://a%40b:p%2F%3A%40%23@h/1", {"username": "a@b", "password": "p/:@#", "db": 1}),
        ("redis://u:p@ss@h", {"username": "u", "password": "p@ss", "hosts": (("h", 6379),)}),
        ("redis://[::1]:7000", {"hosts": (("::1", 7000),)}),
        ("redis://[fe80::1]", {"hosts": (("fe80::1", 6379),)}),
        ("rediss://h", {"kind": Kind.SERVER, "tls": True}),
        ("redis://h?tls=yes&tls_ca=/ca", {"tls": True, "tls_ca": "/ca"}),
        ("rediss://h?tls_cert=c&tls_key=k", {"tls_cert": "c", "tls_key": "k"}),
        ("unix:///run/a%20b.sock", {"kind": Kind.SOCKET, "path": "/run/a b.sock", "hosts": ()}),
        ("unix://u:p@/run/r.sock?db=2", {"path": "/run/r.sock", "db": 2, "password": "p"}),
        (
            "redis+sentinel://a,b:27000,c/main/2",
            {
                "kind": Kind.SENTINEL,
                "hosts": (("a", 26379), ("b", 27000), ("c", 26379)),
                "primary": "main",
                "db": 2,
            },
        ),
        (
            "redis+sentinel://u:p@a/main?sentinel_username=s&sentinel_password=q%40&tls=yes",
            {
                "username": "u",
                "password": "p",
                "sentinel_username": "s",
                "sentinel_password": "q@",
                "tls": True,
            },
        ),
        ("redis+sentinel://[::1]:1,[::2]/m", {"hosts": (("::1", 1), ("::2", 26379))}),
        ("redis+cluster://a,b:7000", {"kind": Kind.CLUSTER, "hosts": (("a", 6379), ("b", 7000))}),
        ("redis://h?timeout=0.5&prefix=shop&track=no", {"timeout": 0.5, "prefix": "shop"}),
        ("redis://h?track=no", {"track": False, "timeout": 5.0, "prefix": "headrace"}),
    ],
)
def test_a_url_says_where_the_server_is(url: str, expected: dict[str, Any]) -> None:
    address = parse_address(url)
    assert {name: getattr(address, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("http://u:hunter2@h", "the schemes are redis, rediss"),
        ("redis://u:hunter2@h:port", "port is a number"),
        ("redis://u:hunter2@h:70000", "port is a number"),
        ("redis://u:hunter2@h:0", "port is a number"),
        (f"redis://u:hunter2@h:{'9' * 5000}", "port is a number"),
        ("redis+cluster://u:hunter2@h,,k", "comma without a host"),
        ("redis://u:hunter2@[::1]6379x", "port is a number"),
        ("redis://u:hunter2@h/x", "db is a number"),
        ("redis://u:hunter2@h/-1", "db is a number"),
        ("redis://u:hunter2@h?db=hunter2", "db is a number"),
        ("redis://u:hunter2@h/1/2", "what is '2'"),
        ("redis://u:hunter2@a,b", "one server has one host"),
        ("redis://u:hunter2@h?colour=red", "no option 'colour'; there are db, prefix, track"),
        ("redis://u:hunter2@h?track=maybe", "track is yes or no"),
        ("redis://u:hunter2@h?tls=1", "tls is yes or no"),
        ("redis://u:hunter2@h?timeout=soon", "timeout is a number of seconds"),
        ("redis://u:hunter2@h?timeout=0", "timeout is a number of seconds, more than 0"),
        ("redis://u:hunter2@h?timeout=nan", "timeout is a number of seconds"),
        ("redis://u:hunter2@h?prefix=a:b", "a prefix is 1 to 64 of"),
        ("redis://u:hunter2@h?prefix=", "a prefix is 1 to 64 of"),
        ("redis+sentinel://u:hunter2@h", "after the sentinels comes /name-of-the-primary"),
        ("redis+cluster://u:hunter2@h/1", "a database in a cluster"),
        ("redis+cluster://u:hunter2@h?db=1", "a database in a cluster"),
        ("unix://u:hunter2@host/run/r.sock", "a socket is written unix:///"),
        ("unix://", "a socket is written unix:///"),
        ("redis://u:hunter2/@h", "percent-encode"),
        ("redis://u:a/hunter2@h", "percent-encode"),
        ("redis://u:a?hunter2@h", "percent-encode"),
        ("redis://u:a#hunter2@h", "percent-encode"),
        ("redis://u:hunter2@[h", "not a broker URL"),
    ],
)
def test_an_error_names_the_part_and_shows_no_secret(url: str, part: str) -> None:
    assert part in refusal(RedisBroker, url)


@given(st.text(), st.text(), st.text(), st.sampled_from(["redis", "redis+sentinel", "unix", "x"]))
def test_no_password_ever_shows(head: str, tail: str, rest: str, scheme: str) -> None:
    told = shown(parse_address, f"{scheme}://user:{head}hunter2{tail}@{rest}")
    assert "hunter2" not in told.replace(rest, "") or "hunter2" in rest


@given(st.text(min_size=1), st.text(min_size=1))
def test_any_password_fits_into_a_url(username: str, password: str) -> None:
    with suppress(UnicodeEncodeError):  # half a surrogate pair
        url = f"redis://{quote(username, safe='')}:{quote(password, safe='')}@h"
        address = parse_address(url)
        assert (address.username, address.password) == (username, password)


def test_what_is_shown_of_a_broker_is_its_redacted_url() -> None:
    broker = RedisBroker("redis://user:hunter2@h:6379/0?prefix=shop")
    assert repr(broker) == "<RedisBroker redis://***@h:6379/0?prefix=***>"
    address = parse_address("redis://user:hunter2@h")
    assert "hunter2" not in repr(address)
    assert "hunter2" not in pretty_repr(address)
