"""The parameters that the operator's commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import click

Decorator: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]

target_argument: Decorator = click.argument("target")
"""`module:queue`, or a broker's URL."""

queue_option: Decorator = click.option(
    "-q",
    "--queue",
    metavar="NAME",
    help="Where TARGET is a broker's URL: which queue.  [default: default]",
)

json_option: Decorator = click.option(
    "--json", is_flag=True, help="Print JSON objects, each on one line."
)

yes_option: Decorator = click.option("-y", "--yes", is_flag=True, help="Do not ask.")
