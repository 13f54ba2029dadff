from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence

import msgspec
import pytest

from headrace import MemoryBroker, Queue
from headrace.broker import QueueSpec
from headrace.cli.letter import BODY_SHOWN, as_list, as_text, sheet
from headrace.cli.text import json_line
from headrace.codec import VERSION, FailedAttempt, encode
from headrace.job import DeadJob, NewJob
from headrace.letter import DeadLetter, read_letter
from headrace.outcome import Dead
from headrace.testing import FaultyBroker
from tests.cli.conftest import Command
from tests.cli.shop import EVIL, URL

MODULE = "tests.cli.shop:shop"
TARGETS = [(MODULE,), (URL, "-q", "orders")]


def counts(headrace: Command) -> tuple[int, int]:
    """Return how many jobs are ready, and how many are dead."""
    told = msgspec.json.decode(headrace("info", MODULE, "--json").stdout)
    return sum(told["ready"]), told["dead"]


def is_safe(text: str) -> bool:
    return all(line.isprintable() for line in text.split("\n"))


# list


@pytest.mark.parametrize("target", TARGETS)
def test_dead_letters_are_listed(shop: Queue, headrace: Command, target: tuple[str, ...]) -> None:
    result = headrace("dead", "list", *target)
    assert (result.exit_code, result.stderr) == (0, "")
    head, first, second = result.stdout.splitlines()
    assert head.split() == ["id", "task", "reason", "attempts", "when", "error"]
    assert first.startswith("bill-0  bill  attempts used up (2)  2         20")
    assert first.endswith(r"ValueError: no \x1b[2Jmoney\nERROR forged \u202e \x9b1m")
    assert second.startswith("bill-1  ")


def test_a_list_says_that_there_are_more(shop: Queue, headrace: Command) -> None:
    result = headrace("dead", "list", MODULE, "--limit", "1")
    assert len(result.stdout.splitlines()) == 2
    assert result.stderr == "dead letters listed: 1 of 2\n"


def test_an_empty_list_says_so(shop: Queue, headrace: Command) -> None:
    headrace("dead", "purge", MODULE, "--yes")
    result = headrace("dead", "list", MODULE)
    assert (result.exit_code, result.stdout, result.stderr) == (
        0,
        "",
        "dead letters listed: 0 of 0\n",
    )


# show


def test_everything_of_a_letter_is_shown_and_nothing_speaks_to_the_terminal(
    shop: Queue, headrace: Command
) -> None:
    result = headrace("dead", "show", MODULE, "bill-1")
    assert (result.exit_code, is_safe(result.stdout)) == (0, True)
    lines = result.stdout.splitlines()
    told = dict(line.split(maxsplit=1) for line in lines[: lines.index("failures")])
    assert told["id"] == "bill-1"
    assert told["task"] == "bill"
    assert told["args"] == r'["no \u001b[2Jmoney\nERROR forged \u202e \u009b1m"]'
    assert told["kwargs"] == '{"tea":2}'
    assert told["headers"] == r'{"by":"no \u001b[2Jmoney\nERROR forged \u202e \u009b1m"}'
    assert told["reason"] == "attempts used up (2)"
    assert (told["attempts"], told["deliveries"]) == ("2", "1")
    assert told["enqueued"][:2] == told["died"][:2] == "20"
    first, second, traceback = lines[lines.index("failures") + 1 :][:3]
    assert first.split()[0::2][:2] == ["1", "ValueError:"]
    assert second.split()[0] == "2"
    assert traceback == "traceback"
    assert lines[-1] == r"  ERROR forged \u202e \x9b1m"
    assert any("raise ValueError(EVIL)" in line for line in lines)


def test_many_are_shown_in_the_order_in_which_they_were_named(
    shop: Queue, headrace: Command
) -> None:
    result = headrace("dead", "show", URL, "bill-1", "bill-0", "bill-1", "-q", "orders")
    ids = [line.split()[1] for line in result.stdout.splitlines() if line.startswith("id ")]
    assert ids == ["bill-1", "bill-0"]


def test_json_has_everything_too(shop: Queue, headrace: Command) -> None:
    shown = headrace("dead", "show", MODULE, "bill-1", "--json").stdout
    assert is_safe(shown)
    told = msgspec.json.decode(shown)
    assert (told["id"], told["task"], told["attempts"]) == ("bill-1", "bill", 2)
    assert (told["args"], told["kwargs"]) == ([EVIL], {"tea": 2})
    assert told["settings"]["headers"] == {"by": EVIL}
    assert [one["message"] for one in told["failures"]] == [EVIL, EVIL]
    assert "raise ValueError(EVIL)" in told["traceback"]
    assert msgspec.json.decode(encode_back(told["body"]))[1] == "bill"
    listed = headrace("dead", "list", MODULE, "--json").stdout.splitlines()
    assert listed[1] == shown.rstrip("\n")


def encode_back(body: str) -> bytes:
    """Turn the body of a letter, as JSON shows it, into JSON that can be read."""
    return msgspec.json.encode(msgspec.msgpack.decode(base64.b64decode(body)))


def test_an_id_that_is_none_exits_2(shop: Queue, headrace: Command) -> None:
    result = headrace("dead", "show", MODULE, "bill-0", "bill-7\n", "bill-8")
    assert result.exit_code == 2
    assert result.stderr == "Error: no dead letters: bill-7\\n, bill-8\n"
    assert result.stdout.startswith("id ")


def letter(body: bytes, *failures: FailedAttempt) -> DeadLetter:
    made = DeadJob("1", "42", body, encode({"failures": failures}), 0, 1, 1, "no good", 0.0)
    return read_letter(made)


@pytest.mark.parametrize("body", [b"\xffgarbage\x1b[2J", b"", encode([VERSION + 1])])
def test_a_body_that_cannot_be_read_is_shown_as_bytes(body: bytes) -> None:
    lines = as_text(sheet(letter(body))).splitlines()
    assert lines[1].split(maxsplit=1) == ["body", repr(body).replace("\\", "\\")]
    told = msgspec.json.decode(json_line(sheet(letter(body))))
    assert (told["task"], told["args"], told["body"] is None) == (None, None, False)
    assert as_list([letter(body)]).splitlines()[1].split()[:2] == ["42", "-"]


def test_a_long_body_is_cut() -> None:
    assert len(as_text(sheet(letter(b"x" * 100_000)))) < 2 * BODY_SHOWN


@pytest.mark.parametrize(
    "args",
    [
        b"\x91\xa2\xff\xff",  # no UTF-8
        b"\x91" * 900 + b"\xc0",  # a deep nest
        b"\x91\x81\xc0\x01",  # a key that JSON has not
        b"\x91\x81\x81\x01\x02\x03",  # a key that Python has not
        b"\x91\xc7\x01\x05x",  # an extension
        b"\x91\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00",  # no number
        b"\x91\xd7\xff\xff\xff\xff\xff\xff\xff\xff\xff",  # a moment that does not exist
    ],
)
def test_arguments_that_json_has_not_are_shown_all_the_same(args: bytes) -> None:
    raw = msgspec.Raw
    body = encode((VERSION, "task", raw(args), raw(b"\x80"), 2**62))
    shown = sheet(letter(body, FailedAttempt(1, 1e300, "Error"), FailedAttempt(2, 0.0, "Error")))
    assert is_safe(as_text(shown))
    assert "1970-01-01T00:00:00Z" in as_text(shown)
    told = msgspec.json.decode(json_line(shown))
    assert told["args"] is not None
    assert told["enqueued_at"] == "4611686018427388.0"


# requeue


@pytest.mark.parametrize("target", TARGETS)
def test_letters_are_sent_back_by_their_ids(
    shop: Queue, headrace: Command, target: tuple[str, ...]
) -> None:
    result = headrace("dead", "requeue", target[0], "bill-1", "bill-1", *target[1:])
    assert (result.exit_code, result.stdout) == (0, "dead letters sent back: 1 of 1\n")
    assert counts(headrace) == (4, 1)
    assert headrace("dead", "list", MODULE).stdout.splitlines()[1].startswith("bill-0 ")


def test_an_id_that_is_no_letter_is_told(shop: Queue, headrace: Command) -> None:
    result = headrace("dead", "requeue", MODULE, "bill-0", "bill-7")
    assert (result.exit_code, result.stdout) == (2, "dead letters sent back: 1 of 2\n")
    assert result.stderr == "Error: 1 of 2 ids: no such dead letter\n"


def test_a_letter_whose_key_is_taken_stays(shop: Queue, headrace: Command) -> None:
    headrace("enqueue", MODULE, "bill", "Ann", "--unique", "Ann")
    result = headrace("dead", "requeue", MODULE, "bill-0", "bill-1")
    assert (result.exit_code, result.stdout) == (1, "dead letters sent back: 1 of 2\n")
    assert result.stderr == "Error: another job holds the unique key of bill-0\n"


def test_all_are_sent_back(shop: Queue, headrace: Command) -> None:
    result = headrace("dead", "requeue", MODULE, "--all")
    assert (result.exit_code, result.stdout) == (0, "dead letters sent back: 2 of 2\n")
    assert counts(headrace) == (5, 0)
    assert headrace("dead", "requeue", MODULE, "--all").stdout == "dead letters sent back: 0 of 0\n"


def test_the_oldest_can_go_first(shop: Queue, headrace: Command) -> None:
    result = headrace("dead", "requeue", URL, "-q", "orders", "--all", "--limit", "1")
    assert (result.exit_code, result.stdout) == (0, "dead letters sent back: 1 of 1\n")
    assert headrace("dead", "list", MODULE).stdout.splitlines()[1].startswith("bill-1 ")


@pytest.mark.parametrize("wrong", [[], ["bill-0", "--all"], ["bill-0", "--limit", "1"]])
def test_ids_or_all(shop: Queue, headrace: Command, wrong: list[str]) -> None:
    result = headrace("dead", "requeue", MODULE, *wrong)
    assert (result.exit_code, "or --all" in result.stderr) == (2, True)
    assert counts(headrace) == (3, 2)


class Relapsing(MemoryBroker):
    """A broker on which whatever is sent back dies again at once."""

    async def redrive(self, queue: str, ids: Sequence[str]) -> int:
        count = await super().redrive(queue, ids)
        for lease in await self.claim(queue, "worker", count, 0):
            await self.settle([Dead(lease, "again", b"", 1)])
        return count


def test_what_dies_again_at_once_is_not_sent_back_for_ever(
    shop: Queue, headrace: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = Relapsing()

    async def bury(number: int) -> None:
        await broker.open()
        await broker.declare(QueueSpec(name="orders"))
        jobs = [NewJob(id=f"job-{each}", body=b"") for each in range(number)]
        await broker.enqueue("orders", jobs, batch="one")
        leases = await broker.claim("orders", "worker", number, 0)
        await broker.settle([Dead(lease, "no good", b"", 1) for lease in leases])

    asyncio.run(bury(250))
    monkeypatch.setattr("tests.cli.shop.shop", Queue(FaultyBroker(broker), name="orders"))
    result = headrace("dead", "requeue", MODULE, "--all")
    assert result.stdout == "dead letters sent back: 250 of 250\n"
    assert counts(headrace) == (0, 250)


# purge


@pytest.mark.parametrize("target", TARGETS)
def test_a_purge_asks_first(shop: Queue, headrace: Command, target: tuple[str, ...]) -> None:
    result = headrace("dead", "purge", *target, answer="n\n")
    assert (result.exit_code, counts(headrace)) == (1, (3, 2))
    assert result.stderr.startswith("Drop the dead letters of 'orders' (2)?")
    result = headrace("dead", "purge", *target, answer="y\n")
    assert (result.exit_code, result.stdout) == (0, "dead letters dropped: 2\n")
    assert counts(headrace) == (3, 0)
