"""How commands fail: one line, one exit code, no traceback and no secret."""

from __future__ import annotations

import pytest

from headrace import (
    AuthFailed,
    BrokerError,
    ConfigMismatch,
    HeadraceError,
    JobCancelled,
    OutcomeUnknown,
    Overloaded,
    Queue,
    Rejected,
    Unavailable,
    Unsupported,
)
from headrace.cli.failure import Failure, failures
from headrace.testing import FaultyBroker
from headrace.testing.faults import Verb
from tests.cli.conftest import Command
from tests.cli.shop import EVIL, URL

MODULE = "tests.cli.shop:shop"

COMMANDS: list[tuple[str, Verb]] = [
    ("info TARGET", "stats"),
    ("enqueue TARGET ship 1", "open"),
    ("pause TARGET", "control"),
    ("resume TARGET", "control"),
    ("purge TARGET --yes", "control"),
    ("purge TARGET", "stats"),
    ("dead list TARGET", "dead"),
    ("dead show TARGET bill-0", "dead"),
    ("dead requeue TARGET bill-0", "redrive"),
    ("dead requeue TARGET --all", "dead"),
    ("dead purge TARGET --yes", "control"),
]


@pytest.mark.parametrize(("command", "verb"), COMMANDS)
@pytest.mark.parametrize("target", [MODULE, f"{URL} -q orders"], ids=["module", "url"])
def test_every_command_ends_in_one_line(
    shop: Queue, faulty: FaultyBroker, headrace: Command, target: str, command: str, verb: Verb
) -> None:
    verbs: list[Verb] = ["open", "declare", verb]
    for failing in verbs:
        for error, code in [
            (Unavailable("shop://***@host: connection refused"), 4),
            (OutcomeUnknown("the reply was lost"), 4),
            (AuthFailed("wrong password"), 3),
        ]:
            faulty.fail(failing, error)
            result = headrace(*command.replace("TARGET", target).split())
            assert (result.exit_code, result.stdout) == (code, "")
            assert result.stderr == f"Error: {error}\n"


def test_an_unreachable_broker_is_told_when_its_queues_are_asked_for(
    shop: Queue, faulty: FaultyBroker, headrace: Command
) -> None:
    faulty.fail("queues", Unavailable("gone"))
    result = headrace("enqueue", URL, "ship", "1", "-q", "orders")
    assert (result.exit_code, result.stderr) == (4, "Error: gone\n")


@pytest.mark.parametrize(
    "target",
    [
        "shop:/clerk:hunter2@host",
        "shop//clerk:hunter2@host",
        "nobody://clerk:hunter2@host",
        "shop://clerk:hunter2@host",
    ],
)
def test_a_url_is_shown_without_its_password(shop: Queue, headrace: Command, target: str) -> None:
    for command in ("info", "pause", "doctor"):
        result = headrace(command, target)
        assert result.exit_code in (0, 2)
        assert "hunter2" not in result.output


def test_the_demo_ends_in_one_line_too(headrace: Command) -> None:
    result = headrace("demo", "--url", "nobody://clerk:hunter2@host")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert result.stderr.startswith("Error: no broker serves nobody://")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BrokerError("trouble"), 3),
        (ConfigMismatch("another lease"), 3),
        (Overloaded("no memory"), 3),
        (Unsupported("too old"), 3),
        (Rejected("42", "too large"), 2),
        (HeadraceError("a mistake"), 2),
        (JobCancelled("42"), 1),
        (Failure("no such queue"), 2),
    ],
    ids=str,
)
def test_each_error_has_its_exit_code(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended, failures():
        raise error
    assert ended.value.code == code
    assert capsys.readouterr().err == f"Error: {error}\n"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (Unavailable(), "Error: Unavailable\n"),
        (Unavailable(EVIL), "Error: no \\x1b[2Jmoney\\nERROR forged \\u202e \\x9b1m\n"),
    ],
    ids=["empty", "evil"],
)
def test_an_error_is_one_line_whatever_its_text_is(
    error: Exception, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit), failures():
        raise error
    assert capsys.readouterr().err == line


def test_what_is_no_error_of_ours_goes_on() -> None:
    with pytest.raises(ZeroDivisionError), failures():
        raise ZeroDivisionError
