"""From `module:attribute` to the object."""

from __future__ import annotations

import importlib
import sys
from operator import attrgetter
from pathlib import Path

import click

from headrace.queue import Queue


def load_queue(target: str) -> Queue:
    """Return the queue that `package.module:attribute` names, looking in the current folder too.

    Raises:
        click.UsageError: It names none; the message says which part is wrong.
    """
    module_name, _, attribute = target.partition(":")
    if not module_name or not attribute:
        message = f"{target!r}: write module:queue, as in app:queue"
        raise click.UsageError(message)
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        message = f"there is no module {error.name!r} here or among the installed packages"
        raise click.UsageError(message) from error
    try:
        found = attrgetter(attribute)(module)
    except AttributeError as error:
        message = f"module {module_name!r} has no {attribute!r}"
        raise click.UsageError(message) from error
    if not isinstance(found, Queue):
        message = f"{target!r} is a {type(found).__name__}, not a Queue"
        raise click.UsageError(message)
    return found
