"""The operator's verbs: counting, pausing, purging."""

from __future__ import annotations

from typing import Any, TypeAlias

from headrace.broker import Control, QueueStats
from headrace.faultpoint import reach
from headrace_nats.queue import NatsQueue, stored_message
from headrace_nats.server_clock import moment_of, written
from headrace_nats.subjects import DEAD_COUNTER, DELAYED_COUNTER, Kind, consumer_of

FOR_EVER = "9999-12-31T23:59:59Z"
PURGE_PAUSE = 60.0
"""Seconds for which a purge holds the lanes up at most, if its client dies over it."""

BATCH = 500
"""Messages deleted at a time."""


LOOKS = 3
"""At a queue whose jobs come due while they are counted."""

Info: TypeAlias = dict[str, Any]


async def stats(queue: NatsQueue) -> QueueStats:
    """Count jobs; see `Broker.stats`."""
    served, delayed, dead = await _look(queue)
    return QueueStats(
        ready=tuple(info["num_pending"] for info in served),
        delayed=_delayed(delayed),
        running=sum(info["num_ack_pending"] for info in served),
        dead=dead["num_pending"],
        paused=any(info.get("paused", False) for info in served),
        oldest=await _oldest(queue, served),
    )


async def _look(queue: NatsQueue) -> tuple[list[Info], Info, Info]:
    """Return what the consumers of the lanes, of delayed jobs and of dead letters tell.

    They are asked one after the other. A job that came due meanwhile would be counted twice or not
    at all, so it must have been quiet; where it never is, twice is better.
    """
    lanes = [consumer_of(lane) for lane in range(queue.spec.lanes)]
    looks = 0
    while True:
        [before] = await queue.infos([DELAYED_COUNTER])
        served = await queue.infos(lanes)
        delayed, dead = await queue.infos([DELAYED_COUNTER, DEAD_COUNTER])
        looks += 1
        if _passage(delayed) == _passage(before):
            return served, delayed, dead
        if looks == LOOKS:
            return served, max(before, delayed, key=_delayed), dead


def _passage(info: Info) -> tuple[int, int, int]:
    """Return what changes whenever a job comes to a consumer, is looked at, or leaves it."""
    return info["num_pending"], info["num_ack_pending"], info["delivered"]["consumer_seq"]


def _delayed(info: Info) -> int:
    waiting: int = info["num_pending"] + info["num_ack_pending"]
    return waiting


async def _oldest(queue: NatsQueue, infos: list[Info]) -> float | None:
    wishes = [
        {"seq": info["delivered"]["stream_seq"] + 1, "next_by_subj": queue.subjects.lane(lane)}
        for lane, info in enumerate(infos)
        if info["num_pending"]
    ]
    found = [one.stored_at for one in await queue.fetch(wishes) if one is not None]
    return max(0.0, moment_of(infos[0]["ts"]) - min(found)) if found else None


async def control(queue: NatsQueue, op: Control) -> int:
    """Pause, resume or purge; see `Broker.control`."""
    match op:
        case Control.PAUSE:
            return int(await _pause(queue, FOR_EVER))
        case Control.RESUME:
            return int(await _pause(queue, None))
        case Control.PURGE_READY:
            return await _purge_ready(queue)
        case Control.PURGE_DELAYED:
            return await _purge(queue, Kind.DELAYED)
        case Control.PURGE_DEAD:
            return await _purge(queue, Kind.DEAD)


async def _pause(queue: NatsQueue, until: str | None) -> bool:
    """Pause all lanes, or resume them. Tell whether that changed anything."""
    changed = False
    for lane in range(queue.spec.lanes):
        before = await queue.api("CONSUMER.INFO", of=consumer_of(lane))
        body = {"pause_until": until} if until else None
        reply = await queue.api("CONSUMER.PAUSE", body, of=consumer_of(lane))
        reach("nats.pause.lane")
        changed = changed or before.get("paused", False) != reply.get("paused", False)
    return changed


async def _purge(queue: NatsQueue, kind: Kind) -> int:
    reply = await queue.api("STREAM.PURGE", {"filter": queue.subjects.all(kind)})
    return int(reply["purged"])


async def _purge_ready(queue: NatsQueue) -> int:
    """Delete what no worker has. While that is found out nothing is handed out."""
    was_paused = (await queue.api("CONSUMER.INFO", of=consumer_of(0))).get("paused", False)
    if not was_paused:
        await _pause(queue, written(await queue.latest() + PURGE_PAUSE))
    reach("nats.purge.paused")
    try:
        return sum([await _purge_lane(queue, lane) for lane in range(queue.spec.lanes)])
    finally:
        if not was_paused:
            await _pause(queue, None)


async def _purge_lane(queue: NatsQueue, lane: int) -> int:
    info = await queue.api("CONSUMER.INFO", of=consumer_of(lane))
    first, subject, count = info["delivered"]["stream_seq"] + 1, queue.subjects.lane(lane), 0
    verb = f"DIRECT.GET.{queue.subjects.stream}"
    while True:
        wish = {"seq": first, "next_by_subj": subject, "batch": BATCH}
        found = await queue.connection.collect(verb, wish)
        if not found:
            return count
        seqs = [stored_message(msg).seq for msg in found]
        count += sum(await queue.delete(seqs))
        first = seqs[-1] + 1
