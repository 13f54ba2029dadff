"""Broker trouble: how long to wait, and what to say of it once."""

from __future__ import annotations

import logging
import random

from headrace.errors import BrokerError

logger: logging.Logger = logging.getLogger("headrace.worker")

FIRST = 0.05
"""Seconds to wait after the first failure."""

LONGEST = 5.0
"""Seconds to wait at most."""


class Backoff:
    """Counts failures in a row of one service. It speaks up when trouble begins and when it ends.

    Args:
        service: What failed, for the log.
        queue: The queue that it serves.
    """

    def __init__(self, service: str, queue: str) -> None:
        self._facts = {"service": service, "queue": queue}
        self._pause = 0.0

    @property
    def well(self) -> bool:
        """Whether the last call succeeded."""
        return not self._pause

    def failed(self, error: Exception) -> float:
        """Note a failure and return the seconds to wait: twice as long each time, with jitter."""
        if self.well:
            # A plug-in may leak an exception that is no BrokerError: that is worth a traceback.
            logger.warning(
                "broker trouble, trying again",
                extra={**self._facts, "error": type(error).__name__, "error_message": str(error)},
                exc_info=None if isinstance(error, BrokerError) else error,
            )
        self._pause = min(2 * self._pause or FIRST, LONGEST)
        return self._pause * random.uniform(0.5, 1.0)

    def succeeded(self) -> None:
        """Note a success."""
        if not self.well:
            self._pause = 0.0
            logger.info("broker is well again", extra=self._facts)
