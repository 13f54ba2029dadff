"""The command line of a command, for a process that is to do the same."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import click
from click.core import ParameterSource


def given_arguments(context: click.Context, without: Collection[str]) -> list[str]:
    """Return the options and arguments that stood on the command line, the options first.

    What came from the environment is left out: the other process inherits that.

    Args:
        context: The command's.
        without: Names of parameters to leave out.
    """
    options: list[str] = []
    arguments: list[str] = []
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if name in without or source is not ParameterSource.COMMANDLINE:
            continue
        value: Any = context.params[name]
        several = parameter.multiple or parameter.nargs != 1
        values: Sequence[Any] = value if several else [value]
        if isinstance(parameter, click.Option):
            options += [_option(parameter, each) for each in values]
        else:
            arguments += map(str, values)
    return [*options, *arguments]


def _option(option: click.Option, value: Any) -> str:
    if option.is_flag:
        return option.opts[-1] if value else option.secondary_opts[-1]
    # The long form: `-c=5` would be a value of "=5".
    return f"{max(option.opts, key=len)}={value}"
