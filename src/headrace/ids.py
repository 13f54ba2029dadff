"""Job ids: made by the client, ordered by time, safe as a key or a subject in every broker."""

from __future__ import annotations

import os
import re
import time
from array import array
from collections.abc import Iterator

_VALID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)

_COUNTER_BITS = 12
_POOL_BYTES = 4096
_VERSION = 0x7 << 12
_VARIANT = 0x2 << 62
_VARIANT_MASK = (1 << 62) - 1


class _Generator:
    """UUIDv7 as RFC 9562 §6.2 method 3 has it: milliseconds and a 12-bit counter, then chance.

    Ids of one process rise strictly, also when the clock steps back or more than 4,096 are
    made in one millisecond: the time is then ahead of the clock by as little as it must.
    """

    def __init__(self) -> None:
        self._last = 0
        self._chances: Iterator[int] = iter(())

    def next(self) -> str:
        ticks = int(time.time() * 1000) << _COUNTER_BITS
        self._last = ticks = ticks if ticks > self._last else self._last + 1
        moment = ticks >> _COUNTER_BITS << 16 | _VERSION | ticks & 0xFFF
        chance = _VARIANT | self._chance() & _VARIANT_MASK
        return (moment << 64 | chance).to_bytes(16, "big").hex()

    def _chance(self) -> int:
        chance = next(self._chances, None)
        if chance is None:
            self._chances = iter(array("Q", os.urandom(_POOL_BYTES)))
            return next(self._chances)
        return chance

    def forget(self) -> None:
        """Throw the random bytes away that a forked process shares with its parent."""
        self._chances = iter(())


_generator = _Generator()
os.register_at_fork(after_in_child=_generator.forget)


def new_id() -> str:
    """Return a fresh job id: a UUIDv7 as 32 hexadecimal digits, rising within a process."""
    return _generator.next()


def is_valid_id(text: str) -> bool:
    """Tell whether `text` can be a job id or a queue name: 1 to 64 of `A-Z a-z 0-9 _ -`."""
    return _VALID.fullmatch(text) is not None
