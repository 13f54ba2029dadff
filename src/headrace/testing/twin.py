"""A queue that is another one's twin: it has the same tasks, and a broker of its own."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.broker import Broker
from headrace.middleware import Middleware
from headrace.queue import Queue


class Twin(Queue):
    """A queue with the name, the settings, the tasks, schedules and middleware of another one.

    Args:
        queue: The other one.
        broker: Its own.
        layer: Middleware of its own, around that of the other.
        middleware: Whether it has that of the other at all.
    """

    def __init__(
        self,
        queue: Queue,
        broker: Broker,
        layer: Middleware | None = None,
        *,
        middleware: bool = True,
    ) -> None:
        super().__init__(
            broker,
            name=queue.name,
            lanes=queue.spec.lanes,
            lease=queue.spec.lease,
            max_deliveries=queue.max_deliveries,
            result_ttl=queue.result_ttl,
            max_payload=queue.max_payload,
            unknown_ttl=queue.unknown_ttl,
        )
        self.share(queue)
        self._own = () if layer is None else (layer,)
        self._others = middleware

    @property
    def layers(self) -> Sequence[Middleware]:
        """The middleware, outermost first."""
        return [*self._own, *(super().layers if self._others else ())]
