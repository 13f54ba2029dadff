"""Measure other queues beside this one, on the same server in the same minutes.

    uv run python -m benchmarks.peers [--only NAME ...] [--repetitions 5] [--quick] [--out FILE]

Ctrl-C keeps what is done. `benchmarks/peers/README.md` tells what is measured.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from benchmarks.peers.catalogue import PEERS, chosen
from benchmarks.peers.contest import Contest, Terms
from benchmarks.peers.ground import Ground, redis_here
from benchmarks.peers.sizes import QUICK, WHOLE
from benchmarks.peers.table import table
from headrace.bench.record import write_record
from tests.servers import REDIS_SERVERS

INTERRUPTED = 130


class Request(Struct, frozen=True):
    """What a command line asks for.

    Attributes:
        terms: Of the run.
        server: Which of `REDIS_SERVERS`.
        out: Where the record goes.
    """

    terms: Terms
    server: str
    out: Path | None


def read(arguments: Sequence[str]) -> Request:
    """Read a command line.

    Raises:
        SystemExit: It asks for nothing that there is.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    names = ", ".join(peer.subject for peer in PEERS)
    parser.add_argument("--only", nargs="+", metavar="NAME", help=f"some of {names}")
    parser.add_argument(
        "--server",
        choices=sorted(REDIS_SERVERS),
        default=redis_here(),
        help="for those on Redis: the machine's own server if it has one, else Valkey's wheel",
    )
    parser.add_argument("--repetitions", type=int, metavar="N", help="5, or 1 with --quick")
    parser.add_argument("--quick", action="store_true", help="few jobs: to see that it works")
    parser.add_argument("--out", type=Path, metavar="FILE", help="keep the record there")
    given = parser.parse_args(arguments)
    try:
        peers = chosen(given.only)
    except LookupError as error:
        parser.error(str(error))
    repetitions = given.repetitions or (1 if given.quick else 5)
    repeat = ["uv run python -m benchmarks.peers", f"--server {given.server}"]
    repeat += [f"--repetitions {repetitions}"]
    repeat += ["--only", *given.only] if given.only else []
    repeat += ["--quick"] if given.quick else []
    terms = Terms(
        peers=peers,
        repetitions=repetitions,
        sizes=QUICK if given.quick else WHOLE,
        command=" ".join(repeat),
    )
    return Request(terms, given.server, given.out)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table, and keep the record; Ctrl-C keeps what is done.

    Returns:
        0, or 130 if it was interrupted.
    """
    request = read(sys.argv[1:] if arguments is None else arguments)
    code = 0
    with Ground(request.server) as ground:
        contest = Contest(request.terms, ground, lambda text: print(text, file=sys.stderr))
        try:
            contest.run()
        except KeyboardInterrupt:
            code = INTERRUPTED
        record = contest.record
    print(table(record))
    for note in record.notes:
        print(note)
    if request.out is not None:
        write_record(record, request.out)
    return code


if __name__ == "__main__":
    sys.exit(main())
