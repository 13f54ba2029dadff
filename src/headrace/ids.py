"""Job ids: made by the client, ordered by time, safe as a key or a subject in every broker."""

from __future__ import annotations

import os
import re
import time

_VALID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)

_COUNTER_BITS = 12
_RANDOM_BYTES = 8
_POOL_BYTES = 512 * _RANDOM_BYTES
_VERSION = 0x7 << 76
_VARIANT = 0x2 << 62
_VARIANT_MASK = (1 << 62) - 1


class _Generator:
    """UUIDv7 as RFC 9562 §6.2 method 3 has it: milliseconds and a 12-bit counter, then chance.

    Ids of one process rise strictly, also when the clock steps back or more than 4,096 are
    made in one millisecond: the time is then ahead of the clock by as little as it must.
    """

    def __init__(self) -> None:
        self._last = 0
        self._pool = b""
        self._used = 0

    def next(self) -> str:
        ticks = int(time.time() * 1000) << _COUNTER_BITS
        self._last = ticks = ticks if ticks > self._last else self._last + 1
        milliseconds, counter = ticks >> _COUNTER_BITS, ticks & 0xFFF
        chance = self._chance() & _VARIANT_MASK
        return f"{milliseconds << 80 | _VERSION | counter << 64 | _VARIANT | chance:032x}"

    def _chance(self) -> int:
        if self._used >= len(self._pool):
            self._pool = os.urandom(_POOL_BYTES)
            self._used = 0
        start = self._used
        self._used = start + _RANDOM_BYTES
        return int.from_bytes(self._pool[start : self._used], "big")

    def forget(self) -> None:
        """Throw the random bytes away that a forked process shares with its parent."""
        self._pool = b""
        self._used = 0


_generator = _Generator()
os.register_at_fork(after_in_child=_generator.forget)


def new_id() -> str:
    """Return a fresh job id: a UUIDv7 as 32 hexadecimal digits, rising within a process."""
    return _generator.next()


def is_valid_id(text: str) -> bool:
    """Tell whether `text` can be a job id or a queue name: 1 to 64 of `A-Z a-z 0-9 _ -`."""
    return _VALID.fullmatch(text) is not None
