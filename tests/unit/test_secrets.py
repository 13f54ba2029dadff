"""A password in a URL: whatever the rest of it looks like, nobody is shown it."""

from __future__ import annotations

import base64
import logging
import traceback
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.pretty import pretty_repr

from headrace import Queue, Worker
from headrace.errors import HeadraceError, PluginError
from headrace.plugins import broker_from_url
from headrace.urls import redact_url

SCHEMES = [
    "redis",
    "rediss",
    "unix",
    "redis+sentinel",
    "redis+cluster",
    "nats",
    "tls",
    "memory",
    "nobody",
    "REDIS",
]
SERVERS = ("redis", "rediss", "redis+sentinel", "redis+cluster", "nats", "tls")
letters = st.sampled_from("abcXYZ019-_.~!$&'()*+,;=:/?#[]@% \\\"<>^`{|}äß🔑")
passwords = st.text(letters, min_size=4, max_size=16).map(lambda text: f"Hunter{text}2")
hosts = st.sampled_from(["localhost", "127.0.0.1:1", "[::1]:1", "a,b:99999", "", "h:x", "[", "a b"])
paths = st.sampled_from(["", "/0", "/primary/0", "/a/b/c", "//x"])


def forms(password: str) -> set[str]:
    """Return all that a password may look like when it is shown."""
    written = {password, quote(password), quote(password, safe=""), quote_plus(password)}
    written |= {text.lower() for text in set(written)}
    written |= {repr(text)[1:-1] for text in set(written)}
    written |= {base64.b64encode(password.encode()).decode()}
    # What is left of one that was cut at a letter that ends a part of a URL.
    return written | {"Hunter"}


@st.composite
def urls(draw: st.DrawFn) -> tuple[str, str]:
    password = draw(passwords)
    shown = draw(st.sampled_from([password, quote(password), quote(password, safe="")]))
    scheme, host, path = draw(st.sampled_from(SCHEMES)), draw(hosts), draw(paths)
    user = draw(st.sampled_from(["", "user", "u:v", "u%40v"]))
    option = draw(st.sampled_from(["timeout", "db", "tls_key", "sentinel_password", "x"]))
    return password, draw(
        st.sampled_from(
            [
                f"{scheme}://{user}:{shown}@{host}{path}",
                f"{scheme}://{shown}@{host}{path}",
                f"{scheme}://{host}{path}?{option}={shown}",
                f"{scheme}://{user}:{shown}@{host}{path}?{option}={shown}",
                f"{scheme}:{user}:{shown}@{host}",
                f"{user}:{shown}@{host}",
            ]
        )
    )


def check(told: str, password: str) -> None:
    for form in forms(password):
        assert form not in told


@settings(deadline=None)
@given(urls())
@example(("Hunter:/2", "redis://u:Hunter:/2@localhost"))
@example(("Hunter#2", "nats://Hunter#2@localhost"))
@example(("Hunter2", "redis://localhost?x=Hunter2"))
@example(("Hunter2", "nats://localhost/Hunter2@x"))
def test_a_password_is_not_shown_of_a_url(both: tuple[str, str]) -> None:
    password, url = both
    check(redact_url(url), password)


@settings(deadline=None)
@given(urls())
@example(("Hunter2", "redis+sentinel://u:Hunter2@localhost/primary/what"))
@example(("Hunter2", "redis://localhost/0?db=Hunter2"))
@example(("Hunter2", "nats://localhost?timeout=Hunter2"))
def test_a_password_is_not_shown_of_brokers_queues_workers_and_errors(
    both: tuple[str, str],
) -> None:
    password, url = both
    try:
        queue = Queue(url)
        worker = Worker(queue)
    except PluginError as error:
        told = "".join(traceback.format_exception(error))
        check(told, password)
        check(f"{error} {error!r} {error.args}", password)
        return
    address = getattr(queue.broker, "_address", None)
    for one in (queue, queue.broker, worker, address, queue.job("a")):
        check(f"{one!r} {one} {pretty_repr(one)}", password)


@pytest.mark.anyio
@pytest.mark.parametrize("scheme", SERVERS)
@pytest.mark.parametrize("password", ["Hunter2", "Hunter%2F%40%3A2", "Hunter%C3%A42"])
async def test_a_port_where_nobody_is_tells_no_password(
    scheme: str, password: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    tail = "/primary" if scheme == "redis+sentinel" else ""
    broker = broker_from_url(f"{scheme}://user:{password}@127.0.0.1:1{tail}?timeout=0.5")
    with pytest.raises(HeadraceError) as caught:
        await broker.open()
    findings = await broker.examine()
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(findings)
    told += "".join(str(vars(record)) for record in caplog.records)
    assert "Hunter" not in told
