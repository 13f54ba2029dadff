"""Bytes that somebody puts into a broker: examples, and a strategy for more of them."""

from __future__ import annotations

import os

import msgspec
from hypothesis import strategies as st

DEPTH = 100_000

_pack = msgspec.msgpack.Encoder().encode

CORPUS: dict[str, bytes] = {
    "one byte": b"\xc1",
    "text": b"hello",
    "random": os.urandom(512),
    "truncated": _pack([1, "work", [1, 2], {}, 0])[:-4],
    "an array without end": b"\x96\x01",
    "types of others": _pack(["1", 7, {}, [], None]),
    "a map": _pack({"version": 1, "task": "work"}),
    "nested arrays": b"\x91" * DEPTH + b"\xc0",
    "nested maps": b"\x81\xa1a" * DEPTH + b"\xc0",
    "no UTF-8": b"\x95\x01\xa4\xff\xfe\xfd\xfc\x90\x80\x00",
    "a text of 4 GB": b"\x95\x01\xdb\xff\xff\xff\xffwork",
    "an array of 4 G": b"\xdd\xff\xff\xff\xff\x01",
    "a map of 4 G": b"\xdf\xff\xff\xff\xff\xa1a",
    "bytes of 4 GB": b"\x92\xa1a\xc6\xff\xff\xff\xff",
    "a pickle": b"cos\nsystem\n(S'exit 1'\ntR.",
    "an unknown task": _pack([1, "nobody has this", [], {}, 0]),
    "a newer version": _pack([2, "work", [], {}, 0]),
    "no version at all": _pack([2**63, "work", [], {}, 0]),
    "a moment without end": _pack([1, "work", [1], {}, 2**63]),
    "a timeout without end": _pack([1, "work", [1], {}, 0, {"timeout": 1e308}]),
    "a result for ever": _pack([1, "work", [1], {}, 0, {"result_ttl": 1e308}]),
    "no number": _pack([1, "work", [1], {}, 0, {"retry": [3, float("nan"), 2.0, 1e308, 0.5]}]),
    "a tick of nobody": _pack([1, "work", [1], {}, 0, {"schedule": "x", "tick": 2**62}]),
    "a name of many letters": _pack([1, "\x00" * 30_000, [], {}, 0]),
    "arguments of any depth": b"\x95\x01\xa4work" + b"\x91" * DEPTH + b"\xc0\x80\x00",
}
"""What no worker may stumble over, by what it is."""

MANY_ARRAYS = b"\xdd" + (5_000_000).to_bytes(4, "big") + b"\x90" * 5_000_000
"""5 MB that decoded without a type are some 400."""

_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=20,
)

hostile_bytes = st.one_of(
    st.binary(max_size=200),
    _values.map(_pack),
    st.lists(_values, max_size=10).map(_pack),
    st.tuples(st.lists(_values, max_size=10).map(_pack), st.integers(0, 60)).map(
        lambda both: both[0][: -both[1]]
    ),
    st.sampled_from(sorted(data for data in CORPUS.values() if len(data) < 1_000)),
)
"""Any bytes, and such as look like some of ours."""
