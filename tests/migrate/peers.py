"""The queues that the pages move from, each in an environment of its own with pinned versions.

    uv run python -m tests.migrate.peers

makes those environments, the same ones that `benchmarks.peers` uses, or says why one cannot be.
"""

from __future__ import annotations

import sys

from benchmarks.peers.catalogue import Peer, chosen
from benchmarks.peers.environment import (
    HERE,
    MissingEnvironmentError,
    pinned,
    prepared,
)

TABS = {"celery": "Celery", "arq": "arq", "taskiq": "taskiq", "saq": "SAQ"}
"""Their pages, and their tabs there."""


def peer_of(page: str) -> Peer:
    """Return what a page is about."""
    return chosen([page])[0]


def version_of(page: str) -> str:
    """Return which version of it is pinned."""
    return pinned((HERE / page / "requirements.txt").read_text())[page]


def main() -> int:
    """Make the environments that are missing."""
    missing = 0
    for page, name in TABS.items():
        try:
            place = prepared(peer_of(page)).binaries
            sys.stdout.write(f"{name} {version_of(page)}: {place}\n")
        except MissingEnvironmentError as error:
            missing += 1
            sys.stdout.write(f"{name} {version_of(page)}: {error}\n")
    return min(missing, 1)


if __name__ == "__main__":
    sys.exit(main())
