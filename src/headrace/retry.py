"""When to try again: values in, a value out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import msgspec
from msgspec import Struct

from headrace.codec import RetryNumbers
from headrace.durations import seconds
from headrace.errors import InvalidOption


class RetryPolicy(Struct, frozen=True, kw_only=True):
    """How often a task is tried, and how long to wait between.

    The wait after the n-th failure is `min(max_delay, base * factor ** (n - 1))`, of which a random
    share of up to `jitter` is taken off: with `jitter=0.5` that is the "equal jitter" of the AWS
    Architecture Blog, "Exponential Backoff And Jitter" (2015). It spreads jobs that failed
    together, and no wait is longer than `max_delay`.

    Attributes:
        attempts: How often the task is started at most, the first time included.
        base: Wait after the first failure, in seconds or as a `timedelta`.
        factor: By how much each wait is longer than the one before, at least 1.
        max_delay: The longest wait, in seconds or as a `timedelta`.
        jitter: The share of each wait that is left to chance, 0 to 1.
        on: Retry only exceptions of these classes; empty: all of them.
        never: Do not retry exceptions of these classes.

    Raises:
        InvalidOption: A value makes no sense.

    Examples:
        >>> policy = RetryPolicy(attempts=5, base=2, max_delay=10, jitter=0, never=(ValueError,))
        >>> [policy.wait(failures, random.random) for failures in range(1, 5)]
        [2.0, 4.0, 8.0, 10.0]
        >>> policy.allows(OSError, 4), policy.allows(OSError, 5), policy.allows(ValueError, 1)
        (True, False, False)
    """

    attempts: int = 3
    base: float | timedelta = 1.0
    factor: float = 2.0
    max_delay: float | timedelta = 300.0
    jitter: float = 0.5
    on: tuple[type[BaseException], ...] = ()
    never: tuple[type[BaseException], ...] = ()

    def __post_init__(self) -> None:
        if self.attempts < 1:
            message = f"attempts counts the first try too: 1 or more, not {self.attempts}"
            raise InvalidOption(message)
        if not (self.factor >= 1 and self.factor < float("inf")):
            message = f"factor must be 1 or more, not {self.factor}"
            raise InvalidOption(message)
        if not 0 <= self.jitter <= 1:
            message = f"jitter is a share from 0 to 1, not {self.jitter}"
            raise InvalidOption(message)
        msgspec.structs.force_setattr(self, "base", seconds(self.base, name="base"))
        msgspec.structs.force_setattr(self, "max_delay", seconds(self.max_delay, name="max_delay"))

    def wait(self, failures: int, chance: Callable[[], float]) -> float:
        """Return the seconds to wait after so many failures.

        Args:
            failures: 1 or more.
            chance: Returns a random number from 0 up to 1, as `random.random` does.
        """
        base, longest = seconds(self.base, name="base"), seconds(self.max_delay, name="max_delay")
        try:
            delay = min(longest, base * self.factor ** (failures - 1))
        except OverflowError:
            delay = longest
        return delay * (1.0 - self.jitter * chance())

    def allows(self, error: type[BaseException], failures: int) -> bool:
        """Tell whether a job is tried again after so many failures, the last by `error`."""
        if failures >= self.attempts or issubclass(error, self.never):
            return False
        return not self.on or issubclass(error, self.on)

    def numbers(self) -> RetryNumbers:
        """Return the part that travels with a job."""
        return RetryNumbers(
            self.attempts,
            seconds(self.base, name="base"),
            self.factor,
            seconds(self.max_delay, name="max_delay"),
            self.jitter,
        )

    def with_numbers(self, numbers: RetryNumbers) -> RetryPolicy:
        """Return this policy with the numbers that a job brought."""
        return RetryPolicy(
            attempts=numbers.attempts,
            base=numbers.base,
            factor=numbers.factor,
            max_delay=numbers.max_delay,
            jitter=numbers.jitter,
            on=self.on,
            never=self.never,
        )


NO_RETRY = RetryPolicy(attempts=1)
"""What `retry=None` means."""
