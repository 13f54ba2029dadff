"""What trials have shown is summed up by scenario and broker."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tests.torture.check import Report
from tests.torture.report import Held, read, table
from tests.torture.trial import Trial


def held(seed: int, *, accepted: int, lost: bool = False, broker: str = "nats") -> Held:
    trial = Trial(broker=broker, scenario="M1", seed=seed)
    return Held(trial, Report({"lost": ["a"]} if lost else {}, {"accepted": accepted}))


def test_seeds_are_summed_up() -> None:
    shown = table([held(1, accepted=2000), held(2, accepted=3, lost=True)])
    assert shown.splitlines()[2] == "| M1 | nats | 1, 2 | 1 | 2,003 | 0 | 0 | 0 | 0 | 0 |"


def test_of_a_trial_that_was_repeated_the_last_one_counts(tmp_path: Path) -> None:
    file = tmp_path / "report.jsonl"
    ones = [held(1, accepted=1, lost=True), held(1, accepted=2), held(1, accepted=4, broker="x")]
    file.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in ones))
    assert [one.report.counts["accepted"] for one in read([file])] == [2, 4]
