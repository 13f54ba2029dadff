"""The scripts: one verb each, in files of their own, known to the server by their digest."""

from __future__ import annotations

from hashlib import sha1
from importlib.resources import files

from msgspec import Struct

from headrace_redis.keys import LUA


class Script(Struct, frozen=True):
    """One verb.

    Attributes:
        name: Of its file.
        text: What the server runs.
        digest: SHA-1 of the text in hex: the server's name for it.
        before: The point at which it is to be run.
        after: The point at which it was run.
    """

    name: str
    text: str
    digest: str
    before: str
    after: str


def _load(name: str, *parts: str) -> Script:
    """Return a script. Each function costs a call of it time: it has the parts that it needs."""
    folder = files("headrace_redis") / "lua"
    text = LUA + "".join([(folder / f"{part}.lua").read_text() for part in (*parts, name)])
    digest = sha1(text.encode(), usedforsecurity=False).hexdigest()
    return Script(name, text, digest, f"redis.{name}.before", f"redis.{name}.after")


_ENDING = ("queue", "index", "ending")
_LEASES = (*_ENDING, "leases")

DECLARE = _load("declare")
ENQUEUE = _load("enqueue", "queue", "index")
CLAIM = _load("claim", *_LEASES, "jobs", "delayed")
ADOPT = _load("adopt", *_LEASES)
BURY = _load("bury", *_LEASES, "jobs", "letters")
RENEW = _load("renew", *_LEASES)
SETTLE = _load("settle", *_LEASES, "jobs", "delayed", "letters")
CANCEL = _load("cancel", *_LEASES, "jobs", "delayed")
LOOKUP = _load("lookup", *_LEASES, "jobs", "letters")
STATS = _load("stats", "queue")
PAUSE = _load("pause", "queue")
PURGE_READY = _load("purge_ready", *_ENDING)
PURGE_DELAYED = _load("purge_delayed", *_LEASES, "jobs", "delayed")
PURGE_DEAD = _load("purge_dead", "queue")
DEAD = _load("dead", "queue", "jobs", "letters")
REDRIVE = _load("redrive", *_LEASES, "jobs", "delayed", "letters")
MAINTAIN = _load("maintain", *_LEASES, "jobs", "delayed")
