"""Leaves out the tests of plug-ins that are not installed."""

from importlib.util import find_spec

collect_ignore_glob = [
    f"{name}/*" for name in ("redis", "nats") if find_spec(f"headrace_{name}") is None
]
