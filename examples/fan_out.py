"""A fan-out: a thousand jobs, and one number made of their results.

`$HEADRACE_URL` names the broker, such as `redis://localhost:6379/0`. In one terminal, and in
another one:

    headrace worker examples.fan_out:queue --processes 2
    python -m examples.fan_out
"""

import asyncio
from math import isqrt

from headrace import Queue

JOBS = 1_000
RANGE = 100

queue = Queue(name="fan-out")


@queue.task
async def count_primes(start: int, stop: int) -> int:
    """Count the primes from `start` to below `stop`."""
    numbers = range(max(start, 2), stop)
    return sum(all(number % n for n in range(2, isqrt(number) + 1)) for number in numbers)


async def main() -> None:
    """Send the jobs out, wait for all of them, and add up what they return."""
    starts = range(0, JOBS * RANGE, RANGE)
    async with queue:
        # A generator: the jobs travel in batches, while the next ones are made.
        jobs = await queue.enqueue_many(count_primes.call(n, n + RANGE) for n in starts)
        # The first failure would end it; `return_exceptions=True` collects failures too.
        counts = await asyncio.gather(*(job.result(timeout=60) for job in jobs))
    print(f"{len(counts):,} jobs found {sum(counts):,} primes below {starts.stop:,}")


if __name__ == "__main__":
    asyncio.run(main())
