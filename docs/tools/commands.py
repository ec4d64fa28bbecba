"""Write the reference of the commands as Markdown, read from the program itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from typer.main import get_command

from inception.cli.command_table import COMMANDS
from inception.cli.main import app

_DEFAULT_IN_HELP = re.compile(r"\s*\[default: ([^\]]+)\]")


@dataclass(frozen=True, kw_only=True)
class CommandPage:
    """Reference of one command: `name` as in `image build`, its first sentence, and the page in Markdown."""

    name: str
    summary: str
    text: str

    @property
    def stem(self) -> str:
        """Name of its file and of its man page: inception-image-build."""
        return f"inception-{self.name.replace(' ', '-')}"


def command_pages() -> list[CommandPage]:
    """Return a page for each command and each command of a group, in the order of the command table."""
    root: Any = get_command(app)
    context: Any = root.make_context("inception", [], resilient_parsing=True)
    return [page for name in COMMANDS for page in _pages(name, root.commands[name], context)]


def _pages(name: str, command: Any, parent: Any) -> Iterator[CommandPage]:  # noqa: ANN401 typer exports no such type
    context = type(parent)(command, info_name=name.rpartition(" ")[2], parent=parent)
    members: dict[str, Any] = getattr(command, "commands", {})
    summary, rest = _sentences(command.help or "")
    parts = [f"# inception {name}", summary, _synopsis(command, context), *([rest] if rest else [])]
    if members:
        parts += ["## Commands", *(_member(name, it) for it in members.values())]
    arguments = [it for it in command.params if it.param_type_name == "argument"]
    options = [it for it in command.params if it.param_type_name == "option" and "--verbose" not in it.opts]
    if arguments:
        parts += ["## Arguments", *map(_argument, arguments)]
    if options:
        parts += ["## Options", *(_option(it, context) for it in options)]
    yield CommandPage(name=name, summary=summary.rstrip("."), text="\n\n".join(parts) + "\n")
    for word, member in members.items():
        yield from _pages(f"{name} {word}", member, context)


def _sentences(text: str) -> tuple[str, str]:
    first, _, rest = text.partition("\n\n")
    return " ".join(first.split()), " ".join(rest.split())


def _member(group: str, command: Any) -> str:  # noqa: ANN401 the same
    stem = f"inception-{group.replace(' ', '-')}-{command.name}"
    return f"[`inception {group} {command.name}`]({stem}.md)\n: {_sentences(command.help or '')[0]}"


def _synopsis(command: Any, context: Any) -> str:  # noqa: ANN401 the same
    return f"```text\n{context.command_path} {' '.join(command.collect_usage_pieces(context))}\n```"


def _argument(argument: Any) -> str:  # noqa: ANN401 the same
    return f"`{argument.metavar or argument.name.upper()}`\n: {_described(argument, None)}"


def _option(option: Any, context: Any) -> str:  # noqa: ANN401 the same
    names = ", ".join(f"`{it}`" for it in (*option.opts, *option.secondary_opts))
    value = "" if option.is_flag else f" `{option.make_metavar(context)}`"
    return f"{names}{value}\n: {_described(option, context)}"


def _described(parameter: Any, context: Any) -> str:  # noqa: ANN401 the same
    """Return the help of a parameter with its default, its variable, and whether it is required."""
    text = " ".join((getattr(parameter, "help", None) or "").split())
    notes = [f"Default: {found}." for found in _DEFAULT_IN_HELP.findall(text)]
    text = _DEFAULT_IN_HELP.sub("", text)
    default = parameter.get_default(context) if context is not None else None
    if not notes and default not in (None, False, (), []) and not callable(default):
        notes.append(f"Default: `{getattr(default, 'value', default)}`.")
    others = [it for it in getattr(parameter, "envvar", None) or () if not it.startswith("INCEPTION_")]
    notes += [f"Also from the environment variable `{it}`." for it in others]
    if parameter.required:
        notes.append("Required.")
    return _literal(" ".join((text, *notes)))


def _literal(text: str) -> str:
    """Return `text` so that Markdown leaves its brackets, stars and angles alone."""
    return re.sub(r"(?<!`)([\[\]*<>])(?![^`]*`)", r"\\\1", text)
