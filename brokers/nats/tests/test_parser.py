"""The short way to read the protocol: the same comes out of it as of the driver's way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.errors import ProtocolError
from nats.protocol.parser import Parser

from headrace_nats.incoming import Incoming, read_incoming
from headrace_nats.parser import LeanParser

Heard: TypeAlias = tuple[Any, ...]


class Listener:
    """A client that notes what a parser hands on."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.is_closed = self.is_reconnecting = False

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes | None
    ) -> None:
        self.heard.append((sid, bytes(subject), bytes(reply), bytes(data), bytes(headers or b"")))

    async def _process_err(self, text: str) -> None:
        self.heard.append(("error", text))
        self.is_reconnecting = "stale" in text

    async def _process_ping(self) -> None:
        self.heard.append(("ping",))

    async def _process_pong(self) -> None:
        self.heard.append(("pong",))

    async def _process_info(self, info: dict[str, Any]) -> None:
        self.heard.append(("info", info))


def lean(listener: Listener) -> LeanParser:
    return LeanParser(listener, {})


def heard(kind: Callable[[Listener], Parser], reads: list[bytes]) -> list[Heard]:
    """Return what a parser of a kind hands on of what is read so."""

    async def read() -> list[Heard]:
        listener = Listener()
        parser = kind(listener)
        for data in reads:
            await parser.parse(data)
        return listener.heard

    return asyncio.run(read())


def message(subject: bytes, sid: int, reply: bytes, headers: bytes, body: bytes) -> bytes:
    start = b" ".join(part for part in (subject, b"%d" % sid, reply) if part)
    if not headers:
        return b"MSG %b %d\r\n%b\r\n" % (start, len(body), body)
    size = len(headers)
    return b"HMSG %b %d %d\r\n%b%b\r\n" % (start, size, size + len(body), headers, body)


TOKENS = st.from_regex(rb"[!-~]{1,12}", fullmatch=True)
BODIES = st.binary(max_size=60) | st.sampled_from(
    [b"\r\n", b"MSG a 1 2\r\n", b"PING\r\n", bytes(5000)]
)
HEADERS = st.sampled_from([b"", b"NATS/1.0\r\n\r\n", b"NATS/1.0 404 No\r\nX: y\r\n\r\n"])
OTHERS = st.sampled_from(
    [
        b"PING\r\n",
        b"PONG\r\n",
        b"+OK\r\n",
        b"-ERR 'Permissions Violation'\r\n",
        b'INFO {"a": 1}\r\n',
        b'INFO {"a": "' + b"x" * 5000 + b'"}\r\n',
    ]
)
MESSAGES = st.builds(message, TOKENS, st.integers(0, 10**9), st.just(b"") | TOKENS, HEADERS, BODIES)


@given(st.lists(MESSAGES | OTHERS, max_size=12), st.lists(st.integers(0, 20_000), max_size=8))
def test_what_is_handed_on_is_what_the_driver_hands_on(parts: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(parts)
    marks = sorted({cut for cut in cuts if cut < len(stream)} | {0, len(stream)})
    reads = [stream[start:stop] for start, stop in pairwise(marks)]
    assert heard(lean, reads) == heard(Parser, [stream])


@given(st.lists(MESSAGES | OTHERS, min_size=1, max_size=4))
def test_it_may_come_in_single_bytes(parts: list[bytes]) -> None:
    stream = b"".join(part for part in parts if len(part) < 1000)
    reads = [stream[place : place + 1] for place in range(len(stream))]
    assert heard(lean, reads) == heard(Parser, [stream])


@pytest.mark.parametrize(
    "line",
    [
        b"MSG a\r\n",
        b"MSG a 1 x\r\n",
        b"MSG a x 1\r\n",
        b"MSG a 1 -5\r\n",
        b"MSG a 1 b c 1\r\n",
        b"HMSG a 1 1\r\n",
        b"HMSG a 1 9 3\r\nabc\r\n",
        b"HMSG a 1 -1 3\r\nabc\r\n",
        b"WHAT\r\n",
    ],
)
def test_nonsense_is_told_and_never_read_for_ever(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        heard(lean, [line])


def test_what_came_behind_the_end_of_a_connection_is_not_read() -> None:
    reads = [b"-ERR 'Stale Connection'\r\nMSG a 1 1\r\nx\r\n"]
    assert heard(lean, reads) == [("error", "'stale connection'")]


@given(st.lists(st.tuples(st.integers(1, 2), TOKENS, HEADERS, BODIES), max_size=12))
def test_a_handler_is_given_its_messages_at_once(
    parts: list[tuple[int, bytes, bytes, bytes]],
) -> None:
    stream = b"".join(
        message(subject, sid, b"to", headers, body) for sid, subject, headers, body in parts
    )
    handled: list[Incoming] = []
    others = heard(lambda listener: LeanParser(listener, {1: handled.append}), [stream])
    whole = [one for one in heard(Parser, [stream]) if one[0] == 1]
    assert handled == [read_incoming(*words) for _, *words in whole]
    assert others == [one for one in heard(Parser, [stream]) if one[0] == 2]
