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


def _load(name: str, *, shared: bool = True) -> Script:
    folder = files("headrace_redis") / "lua"
    parts = [LUA, (folder / "queue.lua").read_text() if shared else ""]
    text = "".join([*parts, (folder / f"{name}.lua").read_text()])
    digest = sha1(text.encode(), usedforsecurity=False).hexdigest()
    return Script(name, text, digest, f"redis.{name}.before", f"redis.{name}.after")


DECLARE = _load("declare", shared=False)
ENQUEUE = _load("enqueue")
CLAIM = _load("claim")
ADOPT = _load("adopt")
BURY = _load("bury")
RENEW = _load("renew")
SETTLE = _load("settle")
CANCEL = _load("cancel")
LOOKUP = _load("lookup")
STATS = _load("stats")
PAUSE = _load("pause")
PURGE_READY = _load("purge_ready")
PURGE_DELAYED = _load("purge_delayed")
PURGE_DEAD = _load("purge_dead")
DEAD = _load("dead")
REDRIVE = _load("redrive")
MAINTAIN = _load("maintain")
