"""The page of the commands, made of what they say of themselves."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from headrace.cli.main import main

PAGE = Path(__file__).parent.parent.parent / "docs" / "reference" / "cli.md"

HEAD = """\
# Command line

<!-- Made from the commands' own docstrings by `uv run python -m tests.reference`. Change those. -->
"""

MORE = {
    "headrace": "[At 3 a.m.](../how-to/operate.md)",
    "headrace worker": "[Running workers](../how-to/workers.md)",
    "headrace enqueue": "[Options of a job](configuration.md#a-job)",
    "headrace dead": "[Why did it fail?](../how-to/operate.md#why-did-it-fail)",
    "headrace doctor": "[Redis and Valkey](../how-to/redis.md#what-the-doctor-says)",
    "headrace bench": "[Measure a broker](../how-to/benchmark.md)",
    "headrace bench report": "[Read a report](../how-to/benchmark.md#read-a-report)",
}
"""Where more is told of a command than it says of itself."""

_CODE = re.compile(r"(`[^`]*`)|(?<![\w-])(--?[a-z][a-z-]*|\$?[A-Z]+_[A-Z_=\d]+|[a-z]+:[a-z]+)(?!\w)")
_DEFAULT = re.compile(r"\s+\[default: (.*)\]$")


def page() -> str:
    """Return the page."""
    root = click.Context(main, info_name="headrace", **main.context_settings)
    sections = [HEAD, *_told(root), _overview(root)]
    for context in _below(root):
        sections += [f"## {context.command_path}", *_told(context)]
    return "\n\n".join(section.strip("\n") for section in sections) + "\n"


def _below(context: click.Context) -> Iterator[click.Context]:
    """Yield a context for each command below, by its name."""
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            below = click.Context(context.command.commands[name], info_name=name, parent=context)
            yield below
            yield from _below(below)


def _overview(root: click.Context) -> str:
    rows = [("command", "")]
    for context in _below(root):
        path = context.command_path
        summary = _blocks(context.command.help)[0]
        rows.append((f"[`{path}`](#{path.replace(' ', '-')})", _marked(summary)))
    return _table(rows)


def _told(context: click.Context) -> Iterator[str]:
    """Yield the parts of a command's section."""
    command = context.command
    if context.parent is not None:
        usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
        yield f"```console\n$ {usage}\n```"
    for text in (command.help, command.epilog):
        yield from map(_part, _blocks(text))
        if text is command.help and (options := list(_options(context))):
            yield _table([("option", "default", "environment", ""), *options])
    if context.command_path in MORE:
        yield f"More: {MORE[context.command_path]}"


def _blocks(text: str | None) -> list[str]:
    return inspect.cleandoc(text or "").split("\n\n") if text else []


def _part(block: str) -> str:
    """Return a paragraph, a table of what has two columns, or the lines of a terminal."""
    if not block.startswith("\b\n"):
        return _marked(block)
    title, *lines = block.removeprefix("\b\n").rstrip().splitlines()
    if title == "Example:":
        first, *output = (line.removeprefix("  ") for line in lines)
        return "\n".join(["```console", f"$ {first}", *output, "```"])
    rows: list[list[str]] = []
    for line in lines:
        cells = re.split(r"\s{2,}", line.strip(), maxsplit=1)
        if len(cells) == 1:
            rows[-1][-1] += f" {cells[0]}"
        else:
            rows.append(cells)
    return _table([(title.removesuffix("s:").lower(), ""), *((a, _marked(b)) for a, b in rows)])


def _options(context: click.Context) -> Iterator[tuple[str, str, str, str]]:
    for option in context.command.params:
        if not isinstance(option, click.Option) or option.hidden or not option.expose_value:
            continue
        names = ", ".join(f"`{name}`" for name in option.opts if name.startswith("-"))
        if not option.is_flag:
            names += f" {option.metavar or _kind(option.type)}"
        text = option.help or ""
        by_word = _DEFAULT.search(text)
        extra = option.get_help_extra(context)
        default = by_word[1] if by_word else extra.get("default", "").strip("()")
        told = _marked(_DEFAULT.sub("", text)) + _range(option.type)
        yield names, default, f"`{_variable(context, option)}`", told


def _kind(kind: click.ParamType) -> str:
    if isinstance(kind, click.Path):
        return "PATH"
    return "WORD" if isinstance(kind, click.Choice) else kind.name.split()[0].upper()


def _range(kind: click.ParamType) -> str:
    if isinstance(kind, click.Choice):
        return f" One of {', '.join(f'`{choice}`' for choice in kind.choices)}."
    least, most = getattr(kind, "min", None), getattr(kind, "max", None)
    if least is None:
        return ""
    return f" {least} or more." if most is None else f" {least} to {most}."


def _variable(context: click.Context, option: click.Option) -> str:
    return str(option.envvar or f"{context.auto_envvar_prefix}_{option.name}".upper())


def _marked(text: str) -> str:
    """Return a text on one line, its code marked as such."""
    joined = " ".join(text.split())
    return _CODE.sub(lambda found: found[1] or f"`{found[2]}`", joined)


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *others = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([head, "|" + "---|" * len(rows[0]), *others]).replace("|  |", "| |")
