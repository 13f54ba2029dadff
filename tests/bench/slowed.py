"""The micro benchmarks, with one step of the Redis plug-in slowed on purpose.

    python -m tests.bench.slowed SHARE [OPTION …]

SHARE of the claimed jobs are read once more than they must: 0.5 makes it half as much slower.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from headrace.job import Lease
from headrace_redis import wire

read = wire.leases_from


def main() -> int:
    share = float(sys.argv[1])

    def slowed(
        reply: Sequence[Any], queue: str, consumer: str, deadline: float
    ) -> tuple[list[Lease], list[wire.Place]]:
        lane, entries = reply
        again = (entries * 3)[: int(len(entries) * share)]
        read([lane, again], queue, consumer, deadline)
        return read(reply, queue, consumer, deadline)

    wire.leases_from = slowed
    from benchmarks.micro.__main__ import main as measure

    return measure(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
