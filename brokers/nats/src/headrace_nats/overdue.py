"""Finds delayed jobs that the server should have brought to their lanes, and did not."""

from __future__ import annotations

from contextlib import suppress
from math import inf

from headrace.faultpoint import reach
from headrace_nats.fences import fence
from headrace_nats.incoming import Incoming
from headrace_nats.lean import Message
from headrace_nats.queue import NatsQueue, stored_message
from headrace_nats.server_clock import moment_of
from headrace_nats.subjects import Kind, id_of

PAGE = 256
"""Delayed jobs that are looked at in one step, at most."""

PAGE_BYTES = 1 << 20
"""Bytes of them, at most."""

LATE = 10.0
"""Seconds after which a job is late: the server is never that slow."""

PAUSE = 30.0
"""Seconds between two steps, as long as nothing is late."""

HASTE = 0.5
"""Seconds until the next step where something was: then more may be."""


class Overdue:
    """Writes schedules anew that the server has given up.

    It tries once to publish a message when its time has come. If there is no room for it then, the
    message stays where it is, and the server tries no more before it is started again (seen with
    2.15.1). A schedule that is written anew is tried anew.

    Args:
        queue: Whose.
    """

    def __init__(self, queue: NatsQueue) -> None:
        self._queue = queue
        self._seen = 0

    async def revive(self) -> float:
        """Look at the next delayed jobs in turn. Return the seconds until the next step.

        Raises:
            BrokerError: What is late cannot be written; it is looked at again in the next round.
        """
        if not self._queue.moves_by_itself:
            return PAUSE
        page = await self._page()
        if page:
            now = await self._queue.earliest()
            late = [msg for msg in page if _due(msg) + LATE < now]
            await self._queue.publish([self._anew(msg) for msg in late])
            if late:
                reach("nats.revive.written")
                return HASTE
        return PAUSE

    def _anew(self, msg: Incoming) -> Message:
        """Return a schedule as it is: the server takes heed of it again."""
        stored, headers = stored_message(msg), msg.headers
        kept = {name: headers[name] for name in ("Nats-Schedule", "Nats-Schedule-Target")}
        newest = fence(stored.seq, self._queue.subjects.anywhere(id_of(stored.subject)))
        return Message(stored.subject, stored.data, kept | newest)

    async def _page(self) -> list[Incoming]:
        """Return the delayed jobs that follow those of the last step, none behind the last one."""
        wish = {
            "seq": self._seen + 1,
            "next_by_subj": self._queue.subjects.all(Kind.DELAYED),
            "batch": PAGE,
            "max_bytes": PAGE_BYTES,
        }
        verb = f"DIRECT.GET.{self._queue.subjects.stream}"
        page = await self._queue.connection.collect(verb, wish)
        self._seen = stored_message(page[-1]).seq if page else 0
        return page


def _due(msg: Incoming) -> float:
    """Return when a job is to be brought to its lane, by the server's clock.

    What somebody else has published there is never late, if it is no schedule of ours.
    """
    headers = msg.headers
    when = headers.get("Nats-Schedule", "")
    if not when.startswith("@at ") or "Nats-Schedule-Target" not in headers:
        return inf
    with suppress(ValueError):
        return moment_of(when.removeprefix("@at "))
    return inf
