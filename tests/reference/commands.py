"""The page of the commands, made of what they say of themselves."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from textwrap import fill
from typing import Any

import click

from headrace.cli.main import main
from tests.reference.page import FOLDER

PAGE = FOLDER / "cli.md"
WIDTH = 112

HEAD = """\
# Command line

<!-- Made of the commands' docstrings by `uv run python -m tests.reference`: change those. -->
"""

MORE = {
    "headrace": "[At 3 a.m.](../how-to/operate.md)",
    "headrace worker": "[Running workers](../how-to/workers.md)",
    "headrace enqueue": "[Options of a job](configuration.md#a-job)",
    "headrace dead": "[Why did it fail?](../how-to/operate.md#why-did-it-fail)",
    "headrace doctor": "[On Redis](../how-to/redis.md#what-the-doctor-says)",
    "headrace bench": "[Measure a broker](../how-to/benchmark.md)",
    "headrace bench report": "[Read a report](../how-to/benchmark.md#read-a-report)",
}
"""Where more is told of a command than it says of itself."""

_CODE = re.compile(
    r"(`[^`]*`)"
    r"|(?<![\w-])(--?[a-z][a-z-]*|\$?[A-Z]+(?:_[A-Z]+)+(?:=\w+)?|[a-z]+:[a-z]+|memory://)(?!\w)"
)
_DEFAULT = re.compile(r"\s+\[default: (.*)\]$")


def page() -> str:
    """Return the page."""
    root = click.Context(main, info_name="headrace", **main.context_settings)
    sections = [HEAD, *_blocks(main.help), _more(root)]
    sections += ["## Exit codes", *_blocks(main.epilog), "## The commands", _overview(root)]
    for context in _below(root):
        sections += [f"## {context.command_path}", *_told(context)]
    return "\n\n".join(section.strip("\n") for section in sections if section) + "\n"


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
        path, summary = context.command_path, _blocks(context.command.help)[0]
        rows.append((f"[`{path}`](#{path.replace(' ', '-')})", _marked(summary)))
    return _table(rows)


def _told(context: click.Context) -> Iterator[str]:
    """Yield the parts of a command's section."""
    command = context.command
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield f"```console\n$ {usage}\n```"
    yield from _blocks(command.help)
    if options := list(_options(context)):
        yield _table([("option", "default", "environment", ""), *options])
    usual = _blocks(main.epilog)
    for block in _blocks(command.epilog):
        yield "[Exit codes](#exit-codes)" if block in usual else block
    yield _more(context)


def _more(context: click.Context) -> str:
    place = MORE.get(context.command_path)
    return f"More: {place}" if place else ""


def _blocks(text: str | None) -> list[str]:
    """Return the paragraphs of a help text as Markdown."""
    return [_block(block) for block in inspect.cleandoc(text).split("\n\n")] if text else []


def _block(block: str) -> str:
    """Return a paragraph, what a terminal shows, or a table of what has two columns."""
    if not block.startswith("\b\n"):
        return fill(_marked(block), WIDTH, break_long_words=False, break_on_hyphens=False)
    title, *lines = block.removeprefix("\b\n").rstrip().splitlines()
    if title == "Example:":
        first, *output = (line.removeprefix("  ") for line in lines)
        return "\n".join(["```console", f"$ {first}", *output, "```"])
    rows = [[title.removesuffix("s:").lower(), ""]]
    for line in lines:
        name, _, told = re.sub(r"\s{2,}", "\n", line.strip(), count=1).partition("\n")
        if told:
            rows.append([name, _marked(told)])
        else:
            rows[-1][1] += f" {_marked(name)}"
    return _table(rows)


def _options(context: click.Context) -> Iterator[tuple[str, str, str, str]]:
    for option in context.command.params:
        if not isinstance(option, click.Option) or option.hidden:
            continue
        names = ", ".join(f"`{name}`" for name in option.opts)
        if not option.is_flag:
            names += f" {option.metavar or _kind(option.type)}"
        text = option.help or ""
        in_words = _DEFAULT.search(text)
        default = in_words[1] if in_words else _default(option, context)
        told = _marked(_DEFAULT.sub("", text)) + _range(option.type)
        yield names, _marked(default), f"`{_variable(context, option)}`", told


def _default(option: click.Option, context: click.Context) -> str:
    extra: Any = option.get_help_extra(context)
    return str(extra.get("default", "")).strip("()")


def _kind(kind: click.ParamType[Any]) -> str:
    if isinstance(kind, click.Path):
        return "PATH"
    return "WORD" if isinstance(kind, click.Choice) else kind.name.split()[0].upper()


def _range(kind: click.ParamType[Any]) -> str:
    if isinstance(kind, click.Choice):
        return f" One of {', '.join(f'`{choice}`' for choice in kind.choices)}."
    least, most = getattr(kind, "min", None), getattr(kind, "max", None)
    if least is None:
        return ""
    return f" {least} or more." if most is None else f" {least} to {most}."


def _variable(context: click.Context, option: click.Option) -> str:
    return str(option.envvar or f"{context.auto_envvar_prefix}_{option.name}".upper())


def _marked(text: str) -> str:
    """Return a text on one line, with what is code marked as such."""
    return _CODE.sub(lambda found: found[1] or f"`{found[2]}`", " ".join(text.split()))


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *others = [re.sub(r" +", " ", f"| {' | '.join(row)} |") for row in rows]
    return "\n".join([head, "|" + "---|" * len(rows[0]), *others])
