"""The ready jobs of a queue: strict lanes, with a turn for the lower ones."""

from __future__ import annotations

from collections import OrderedDict

from headrace.broker import FAIR_EVERY
from headrace.memory.record import Record


class Lanes:
    """First in, first out within a lane; lane 0 first, but for one claim in `FAIR_EVERY`."""

    def __init__(self, count: int) -> None:
        self._lanes: list[OrderedDict[str, Record]] = [OrderedDict() for _ in range(count)]
        self._claims = 0

    def sizes(self) -> tuple[int, ...]:
        """How many jobs are ready, for each lane."""
        return tuple(map(len, self._lanes))

    def oldest(self) -> float | None:
        """When the job that has been ready for the longest time became ready."""
        firsts = [next(iter(lane.values())).since for lane in self._lanes if lane]
        return min(firsts, default=None)

    def push(self, record: Record) -> None:
        """Put a job at the end of its lane."""
        self._lanes[record.job.priority][record.job.id] = record

    def push_front(self, record: Record) -> None:
        """Put a job at the head of its lane: it was there before and was abandoned."""
        lane = self._lanes[record.job.priority]
        lane[record.job.id] = record
        lane.move_to_end(record.job.id, last=False)

    def remove(self, record: Record) -> None:
        """Take a job out, wherever it stands."""
        del self._lanes[record.job.priority][record.job.id]

    def take(self, limit: int) -> list[Record]:
        """Take up to `limit` jobs, over all lanes."""
        self._claims += 1
        taken: list[Record] = []
        for lane in self._order():
            while lane and len(taken) < limit:
                taken.append(lane.popitem(last=False)[1])
        return taken

    def clear(self) -> list[Record]:
        """Take everything out."""
        taken = [record for lane in self._lanes for record in lane.values()]
        for lane in self._lanes:
            lane.clear()
        return taken

    def _order(self) -> list[OrderedDict[str, Record]]:
        """Begin at lane 0, but every so often at each of the others in turn."""
        turn, rest = divmod(self._claims, FAIR_EVERY)
        count = len(self._lanes)
        if rest or count == 1:
            return self._lanes
        first = 1 + turn % (count - 1)
        return self._lanes[first:] + self._lanes[:first]
