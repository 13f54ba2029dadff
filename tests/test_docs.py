"""Every Python block of the documentation runs, page by page from top to bottom."""

from __future__ import annotations

import ast
import asyncio
import inspect
import logging
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from headrace import errors
from headrace.cli.main import main
from tests.examples.tutorial import FOLLOWED, with_snippets

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
NEEDS_A_PACKAGE = "from my_package"
SERVERS = {"redis://localhost:6379/0": "redis_url", "nats://localhost:4222": "nats_url"}
"""Where examples that need a server look for it, and what gives them one of their own."""


def blocks(page: Path, language: str) -> Iterator[str]:
    for found, text in FENCE.findall(with_snippets(page.read_text())):
        if found == language:
            yield text


def with_python(page: Path) -> bool:
    return any(NEEDS_A_PACKAGE not in block for block in blocks(page, "python"))


def is_to_be_run(page: Path) -> bool:
    """Tell whether a page's Python is run here: what is followed to the letter is run there."""
    return page not in FOLLOWED and with_python(page)


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Undo what a program of a page does to the logging of its process."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield
    root.setLevel(level)
    root.handlers[:] = handlers


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """Start a server, or skip the test visibly."""
    pytest.importorskip("headrace_redis")
    from tests.servers import REDIS_SERVERS, RedisServer

    binary = REDIS_SERVERS["valkey-9.1"]()
    if binary is None:
        pytest.skip("there is no server here")
    server = RedisServer(binary, tmp_path / "server").start()
    yield server.url
    server.stop()


@pytest.fixture
def nats_url(tmp_path: Path) -> Iterator[str]:
    """Start a server, or skip the test visibly."""
    pytest.importorskip("headrace_nats")
    from tests.servers import NatsServer, nats_server

    binary = nats_server()
    if binary is None:
        pytest.skip("there is no server here")
    server = NatsServer(binary, tmp_path / "server").start()
    yield server.url
    server.stop()


@pytest.mark.parametrize(
    "page", [page for page in PAGES if is_to_be_run(page)], ids=lambda page: page.stem
)
def test_the_examples_run(
    page: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    module = types.ModuleType("example")
    monkeypatch.setitem(sys.modules, "example", module)
    text = with_snippets(page.read_text())
    with asyncio.Runner() as runner:
        for block in blocks(page, "python"):
            if NEEDS_A_PACKAGE in block:
                continue
            # Line numbers as on the page, so that a failure shows where it is.
            above = text[: text.index(block)].count("\n")
            for url, fixture in SERVERS.items():
                if url in block:
                    block = block.replace(url, request.getfixturevalue(fixture))  # noqa: PLW2901
            code: Any = compile(
                "\n" * above + block,
                str(page),
                "exec",
                ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
            )
            if code.co_flags & inspect.CO_COROUTINE:
                runner.run(eval(code, vars(module)))
            else:
                exec(code, vars(module))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_exist(page: Path) -> None:
    for block in blocks(page, "console"):
        for command in re.findall(r"headrace (\w+)", block):
            assert command in main.commands


def leaves(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    """Yield a command, or those below it, by their whole names."""
    if not isinstance(command, click.Group):
        yield name, command
        return
    for below, sub in command.commands.items():
        yield from leaves(f"{name} {below}", sub)


COMMANDS = dict(leaves("headrace", main))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_documented(command: str) -> None:
    page = (ROOT / "docs" / "reference" / "cli.md").read_text()
    section = page.split(f"## {command}\n")[1].split("\n## ")[0]
    for parameter in COMMANDS[command].params:
        if isinstance(parameter, click.Option) and parameter.hidden:
            continue
        for option in parameter.opts:
            if option.startswith("-"):
                assert f"`{option}`" in section


@pytest.mark.parametrize("command", COMMANDS)
def test_the_environment_names_options_as_the_command_line_does(command: str) -> None:
    for parameter in COMMANDS[command].params:
        long = [option for option in parameter.opts if option.startswith("--")]
        if long and parameter.envvar is None:
            assert parameter.name == long[0].removeprefix("--").replace("-", "_")


def test_the_readme_has_the_command_that_ci_runs() -> None:
    assert "$ uv run pytest\n" in (ROOT / "README.md").read_text()
    assert "uv run pytest" in (ROOT / ".ci" / "run").read_text()


def test_the_error_tree_is_documented() -> None:
    page = (ROOT / "docs" / "reference" / "api.md").read_text()
    for name, kind in inspect.getmembers(errors, inspect.isclass):
        if issubclass(kind, errors.HeadraceError):
            assert f"::: headrace.{name}\n" in page
