"""The names of all keys. Those of one queue share a hash tag, and so a slot of a cluster."""

from __future__ import annotations

GROUP = "w"
"""The consumer group of every lane."""

SUFFIXES = {
    "CONFIG": "cfg",  # HASH: what was declared, and whether the queue is paused
    "LANE": "s",  # STREAM for each lane: the entry is the job
    "DELAYED": "z",  # ZSET: id -> ms at which it is due
    "BODIES": "d",  # HASH: id -> the delayed job
    "INDEX": "i:",  # HASHes: id -> where it waits; a hash for each tail of ids
    "UNIQUE": "u",  # HASH: unique key -> the job that holds it until it is over
    "HELD": "t:",  # STRING with a time to live: unique key -> the job that holds it
    "BATCH": "b:",  # STRING with a time to live: the answer to a batch of enqueue
    "RESULT": "r:",  # STRING with a time to live: id -> how the job ended
    "CANCELS": "x",  # ZSET: id of a job to be cancelled -> ms until which that holds
    "GRAVES": "k",  # ZSET: id -> number of its dead letter
    "LETTERS": "kd",  # HASH: id -> the dead letter
    "WAITERS": "n",  # HASH: id -> channels of those who wait for its end
    "HOUSE": "h",  # HASH: who keeps house, and how far the sweep came
}
"""What stands behind the prefix of a queue."""

LUA = (
    "".join(f"local {name} = KEYS[1] .. '{suffix}'\n" for name, suffix in SUFFIXES.items())
    + f"local GROUP = '{GROUP}'\n"
)
"""The same names for the scripts, which are given the prefix of the queue as their first key."""

NOWHERE = "!"
"""What stands behind the prefix in the second key that a script is given.

Neither of the two is ever there, and that is what they are for. While a cluster moves a slot from
one node to another, a script of one key that is not there is sent on to the other node, however
much of the queue lies where it was. A script of two of them is refused until the slot has moved.
"""


def queue_prefix(prefix: str, queue: str) -> str:
    """Return what all keys of a queue begin with."""
    return f"{prefix}:{{{queue}}}:"


def lane(queue: str, number: int) -> str:
    """Return the stream of a lane, given the prefix of its queue."""
    return f"{queue}{SUFFIXES['LANE']}{number}"


def config(queue: str) -> str:
    """Return the hash of a queue's settings, given the prefix of the queue."""
    return queue + SUFFIXES["CONFIG"]


def queues(prefix: str) -> str:
    """Return the set of all queues that were declared."""
    return f"{prefix}:queues"


def channel(prefix: str, client: str) -> str:
    """Return the channel on which a client learns of jobs that are over."""
    return f"{prefix}:over:{client}"
