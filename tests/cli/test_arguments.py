from __future__ import annotations

from typing import Any

import click
import pytest
from click.testing import CliRunner

from headrace.cli.arguments import given_arguments


@pytest.fixture
def command() -> click.Command:
    """Return a command that prints the arguments it was given."""

    @click.command
    @click.argument("targets", nargs=-1)
    @click.option("-c", "--concurrency", default=100)
    @click.option("--grace", default=25.0)
    @click.option("--tag", multiple=True)
    @click.option("--color/--no-color", default=True)
    @click.option("--processes", default=1)
    @click.pass_context
    def work(context: click.Context, /, **_: Any) -> None:
        for word in given_arguments(context, without=["processes"]):
            click.echo(word)

    return work


def words(command: click.Command, *arguments: str, **environment: str) -> list[str]:
    result = CliRunner().invoke(command, arguments, env=environment, auto_envvar_prefix="WORK")
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def test_what_was_typed_is_given_the_options_first(command: click.Command) -> None:
    typed = ["a:queue", "-c", "5", "b:queue", "--grace=0.5"]
    assert words(command, *typed) == ["--concurrency=5", "--grace=0.5", "a:queue", "b:queue"]


def test_it_says_the_same_when_it_is_given(command: click.Command) -> None:
    typed = ["--tag=x y", "--tag=", "-c", "-1", "--no-color", "--", "a:queue"]
    once = words(command, *typed)
    assert once == ["--concurrency=-1", "--tag=x y", "--tag=", "--no-color", "a:queue"]
    assert words(command, *once) == once
    assert words(command, "--color") == ["--color"]


def test_what_was_not_typed_is_left_out(command: click.Command) -> None:
    assert words(command, "--processes=4", WORK_CONCURRENCY="7", WORK_PROCESSES="4") == []
