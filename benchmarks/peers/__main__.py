"""Measure other queues beside this one.

    uv run python -m benchmarks.peers [--only NAME…] [--repetitions 5] [--quick] [--out FILE]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.catalogue import PEERS, chosen
from benchmarks.peers.contest import Contest, Terms
from benchmarks.peers.ground import Ground
from benchmarks.peers.sizes import QUICK, WHOLE
from benchmarks.peers.table import table
from headrace.bench.record import write_record

INTERRUPTED = 130


def terms_of(arguments: Sequence[str]) -> tuple[Terms, Path | None]:
    """Return what a command line asks for, and where the record goes.

    Raises:
        SystemExit: It asks for nothing that there is.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    names = ", ".join(peer.subject for peer in PEERS)
    parser.add_argument("--only", nargs="+", metavar="NAME", help=f"some of {names}")
    parser.add_argument("--repetitions", type=int, metavar="N", help="5, or 1 with --quick")
    parser.add_argument("--quick", action="store_true", help="few jobs: to see that it works")
    parser.add_argument("--out", type=Path, metavar="FILE", help="keep the record there")
    given = parser.parse_args(arguments)
    try:
        peers = chosen(given.only)
    except LookupError as error:
        parser.error(str(error))
    terms = Terms(
        peers=peers,
        repetitions=given.repetitions or (1 if given.quick else 5),
        sizes=QUICK if given.quick else WHOLE,
        command=" ".join(["uv run python -m benchmarks.peers", *arguments]),
    )
    return terms, given.out


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table, and keep the record; Ctrl-C keeps what is done.

    Returns:
        0, or 130 if it was interrupted.
    """
    terms, out = terms_of(sys.argv[1:] if arguments is None else arguments)
    code = 0
    with Ground() as ground:
        contest = Contest(terms, ground, lambda text: print(text, file=sys.stderr))
        try:
            contest.run()
        except KeyboardInterrupt:
            code = INTERRUPTED
        record = contest.record
    print(table(record))
    for note in record.notes:
        print(note)
    if out is not None:
        write_record(record, out)
    return code


if __name__ == "__main__":
    sys.exit(main())
