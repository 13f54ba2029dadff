"""The operation that all others are compared with."""

from __future__ import annotations

import msgspec

from benchmarks.micro.subject import Subject, each

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, object]).decode


def _churn() -> str:
    """Do what the code of a queue does all day: MessagePack, small dicts and lists, a text."""
    order: dict[str, object] = {"task": "send_email", "args": [7, "a@b.c"], "at": 1.5}
    read = _decode(_encode(order))
    pairs = [(name, value) for name, value in read.items() if value is not None]
    merged = {**dict(pairs), "attempt": len(pairs)}
    return f"{merged['task']}.{merged['attempt']}"


REFERENCE = Subject("the reference", each(_churn), jobs=200)
