"""The page of settings has every one of them, with the default and the range that it has."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import pytest

from headrace import InvalidOption, InvalidURL, Queue, RetryPolicy, Task, Worker
from headrace.durations import LONGEST
from headrace.options import JobOptions, TaskOptions
from tests.reference.page import FOLDER, column, rows, sections

Edges: TypeAlias = tuple[list[Any], list[Any]]

ROOT = Path(__file__).parent.parent.parent
PAGE = sections("configuration.md")
SCHEMES = {"redis": "redis", "nats": "nats"}
DEFAULT, RANGE = 2, 3


def job() -> None: ...


def make_queue(**settings: Any) -> object:
    return Queue("memory://", **settings)


def make_worker(**settings: Any) -> object:
    return Worker(Queue("memory://"), **settings)


def make_task(**settings: Any) -> object:
    return Queue("memory://").task(**settings)(job)


def make_schedule(*, interval: float = 1, **settings: Any) -> object:
    return Queue("memory://").every(interval, **settings)(job)


def make_job(**settings: Any) -> object:
    if "unique_for" in settings:
        settings["unique"] = "key"
    return Task[..., Any]("job").options(**settings)


MAKERS: dict[str, Callable[..., object]] = {
    "A queue": make_queue,
    "A worker": make_worker,
    "A task": make_task,
    "A job": make_job,
    "Retries": RetryPolicy,
    "Schedules": make_schedule,
}


def defaults(face: Callable[..., Any]) -> dict[str, str]:
    """Return what can be given by name, and the defaults as the page writes them."""
    found = inspect.signature(face).parameters.values()
    rest = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {
        one.name: _shown(one.default)
        for one in found
        if one.kind not in rest and one.name not in ("self", "function")
    }


def _shown(default: Any) -> str:
    if default is inspect.Parameter.empty:
        return ""
    if isinstance(default, Enum):
        return f"`{type(default).__name__}.{default.name}`"
    return f"`{default!r}`"


@pytest.mark.parametrize(
    ("section", "face"), [("A queue", Queue), ("A worker", Worker), ("Retries", RetryPolicy)]
)
def test_every_setting_is_there_with_its_default(section: str, face: Callable[..., Any]) -> None:
    settings = rows(PAGE[section])
    told = {row[0].strip("`"): row[DEFAULT] for row in settings if len(row) == 5}
    assert told == defaults(face)


def test_how_to_run_a_worker_is_there() -> None:
    told = {row[0].strip("`"): row[1] for row in rows(PAGE["A worker"]) if len(row) == 3}
    assert told == defaults(Worker.run)


def test_the_options_of_tasks_and_jobs_are_there() -> None:
    own = [*defaults(Queue.task), *TaskOptions.__annotations__]
    assert list(column(PAGE["A task"], 0)) == own
    of_jobs = [
        name for name in JobOptions.__annotations__ if name not in TaskOptions.__annotations__
    ]
    assert list(column(PAGE["A job"], 0)) == of_jobs


def test_the_schedules_are_there() -> None:
    told = [(row[0].strip("`"), row[DEFAULT]) for row in rows(PAGE["Schedules"])]
    assert told == [*defaults(Queue.cron).items(), *defaults(Queue.every).items()]


def edges(unit: str, text: str) -> Edges:
    """Return values that a range includes, and some that it does not."""
    if found := re.match(r"(\d+) to (\d+) (?:of|characters)", text):
        least, most = map(int, found.groups())
        return ["a" * least, "a" * most], ["" if "characters" in text else "a b", "a" * (most + 1)]
    if found := re.match(r"(\d+) to (\d+)", text):
        least, most = map(int, found.groups())
        step = 0.1 if unit == "share" else 1
        return [least, most], [least - step, most + step]
    if found := re.match(r"([\d.]+) or more", text):
        low = float(found[1])
        return [int(low) if low.is_integer() else low], [low / 2 or -1]
    if text.startswith("more than"):
        return [1], [0]
    if re.fullmatch(r"\w+(, \w+)+", text):
        return text.split(", "), ["neither"]
    return ([0, LONGEST], [-1, 2 * LONGEST]) if unit == "seconds" and not text else ([], [])


def cases(section: str) -> Iterator[Any]:
    for name, unit, _, text, *_ in (row for row in rows(PAGE[section]) if len(row) == 5):
        good, bad = edges(unit, text)
        if name not in ("`expression`", "`timezone`"):
            for value, fits in [*((one, True) for one in good), *((one, False) for one in bad)]:
                words = str(value)[:12]
                yield pytest.param(section, name.strip("`"), value, fits, id=f"{name}-{words}")


@pytest.mark.parametrize(
    ("section", "name", "value", "fits"), [case for section in MAKERS for case in cases(section)]
)
def test_the_ranges_are_kept(section: str, name: str, value: Any, *, fits: bool) -> None:
    if fits:
        MAKERS[section](**{name: value})
    else:
        with pytest.raises(InvalidOption):
            MAKERS[section](**{name: value})


@pytest.mark.parametrize("broker", SCHEMES)
def test_the_options_of_urls_are_there(broker: str) -> None:
    address = pytest.importorskip(f"headrace_{broker}.address")
    fields = {field.name: field.default for field in msgspec.structs.fields(address.Address)}
    told = column(PAGE[broker], DEFAULT)
    assert list(told) == list(address._OPTIONS)
    for name, text in told.items():
        default = fields[name]
        if default is None:
            assert text in ("none", "the system's")
        elif isinstance(default, bool):
            assert text == ("yes" if default else "no")
        else:
            assert text == (f"{default:g}" if isinstance(default, float) else str(default))


@pytest.mark.parametrize("broker", SCHEMES)
def test_the_pages_of_the_brokers_have_the_same_options(broker: str) -> None:
    page = (FOLDER.parent / "how-to" / f"{broker}.md").read_text()
    table = page.split("| option | default | |\n")[1].split("\n\n")[0]
    told = [
        name for line in table.splitlines() for name in re.findall(r"`(\w+)`", line.split("|")[1])
    ]
    assert told == list(column(PAGE[broker], DEFAULT))


@pytest.mark.parametrize(
    ("section", "name", "value", "fits"), [case for broker in SCHEMES for case in cases(broker)]
)
def test_the_options_of_urls_keep_their_ranges(
    section: str, name: str, value: Any, *, fits: bool
) -> None:
    pytest.importorskip(f"headrace_{section}")
    parse = import_module(f"headrace_{section}.address").parse_address
    url = f"{SCHEMES[section]}://host?{name}={value}"
    if fits:
        parse(url)
    else:
        with pytest.raises(InvalidURL, match=name):
            parse(url)


def test_the_variables_are_there_and_no_others() -> None:
    """Those of options are on the commands' page; some names stand in tests, and are none."""
    folders = ("src", "brokers", "tests", "benchmarks")
    sources = [file.read_text() for name in folders for file in (ROOT / name).rglob("*.py")]
    used = {name for text in sources for name in re.findall(r"\bHEADRACE(?:_[A-Z]+)+\b", text)}
    of_commands = set(re.findall(r"`(HEADRACE_\w+)`", (FOLDER / "cli.md").read_text()))
    text = PAGE["Environment variables"]
    told = {name for row in rows(text) for name in re.findall(r"`(HEADRACE_\w+)`", row[0])}
    none = {"HEADRACE_COMMAND_OPTION", "HEADRACE_VERSION", "HEADRACE_WORKER_LEASH"}
    assert told - none == used - of_commands - none
