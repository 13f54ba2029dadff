from __future__ import annotations

from traceback import format_exception

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace import InvalidURL, redact_url
from headrace.urls import split_hosts, split_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("memory://", "memory://"),
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("redis://user:hunter2@h:6379/0", "redis://***@h:6379/0"),
        ("redis://:hunter2@h", "redis://***@h"),
        ("nats://hunter2@h1,h2", "nats://***@h1,h2"),
        ("nats://u:p@ss:hunter2@h1", "nats://***@h1"),
        ("nats://h?token=hunter2&x=", "nats://h?token=***&x=***"),
        ("redis://h/0#hunter2", "redis://h/0"),
    ],
)
def test_secrets_are_hidden(url: str, shown: str) -> None:
    assert redact_url(url) == shown


@pytest.mark.parametrize("url", ["redis://[hunter2", "hunter2", "redis:u:hunter2@h", "", "//u:p@h"])
def test_what_cannot_be_parsed_is_hidden_whole(url: str) -> None:
    assert redact_url(url) == "<a URL that cannot be parsed>"


@given(st.text(), st.text(), st.text(), st.text())
def test_no_password_ever_shows(user: str, head: str, tail: str, rest: str) -> None:
    shown = redact_url(f"redis://{user}:{head}hunter2{tail}@{rest}")
    assert "hunter2" not in shown.replace(rest, "")


@pytest.mark.parametrize(
    "url",
    ["localhost:6379", "redis:/x", "redis://[hunter2", "redis://u:hunter2@\u2100", "", "://x"],
)
def test_what_is_no_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(InvalidURL) as caught:
        split_url(url)
    assert "hunter2" not in str(caught.value)
    shown = [line for line in format_exception(caught.value) if "Error: " in line]
    assert "hunter2" not in "".join(shown)


@pytest.mark.parametrize(
    ("netloc", "hosts"),
    [
        ("", (("localhost", 1),)),
        ("h", (("h", 1),)),
        (":2", (("localhost", 2),)),
        ("a,b:65535,[::1],[::1]:3", (("a", 1), ("b", 65535), ("::1", 1), ("::1", 3))),
    ],
)
def test_hosts_have_a_name_and_a_port(netloc: str, hosts: tuple[tuple[str, int], ...]) -> None:
    assert split_hosts(netloc, 1) == hosts


@pytest.mark.parametrize(
    ("netloc", "why"),
    [
        ("a,,b", "comma without a host"),
        ("a,", "comma without a host"),
        ("h:0", "port is a number"),
        ("h:65536", "port is a number"),
        ("h:x", "port is a number"),
        ("h:²", "port is a number"),
        ("[::1]2x", "port is a number"),
        (f"h:{'9' * 5000}", "port is a number"),
    ],
)
def test_what_is_no_list_of_hosts_is_refused(netloc: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        split_hosts(netloc, 1)
