"""The arguments that name a running chain and a level, `[NAME] [--level K]`, and a command after `--`."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperCommand

_TRAILING = "inception.trailing"


def known_names(incomplete: str) -> list[str]:
    """Return the names of chains that begin with `incomplete`, for the shell's completion."""
    from inception.chain.status import chain_names
    from inception.chain.stopped.records import stopped_names

    names = sorted({*chain_names(), *stopped_names()})
    return [name for name in names if name.startswith(incomplete)]


def known_path_starts(incomplete: str) -> list[str]:
    """Return the beginnings of paths in levels, `NAME:`, that begin with `incomplete`."""
    return [f"{name}:" for name in known_names(incomplete)]


ChainName = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]",
        help="Name of the chain; may be left out if there is only one.",
        autocompletion=known_names,
        show_default=False,
    ),
]
LevelPath = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME[/LEVEL...]]",
        help="Name of the chain, which may be left out if there is only one, and path to a level: dream/2/a.",
        autocompletion=known_names,
        show_default=False,
    ),
]
ChainNames = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME]...",
        help="Names of chains; may be left out if there is only one.",
        autocompletion=known_names,
        show_default=False,
    ),
]
Level = Annotated[
    int | None,
    typer.Option("--level", "-l", metavar="K", help="Number of the level.  [default: the bottom]", show_default=False),
]


class CommandWithTrailing(TyperCommand):
    """A command that takes another one after `--`: no word of that is taken for our own name or option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 typer does not export the type
        """Parse the arguments before `--`, and keep those after it for `trailing_command`."""
        own, trailing = _split(args)
        ctx.meta[_TRAILING] = trailing
        return super().parse_args(ctx, own)


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    if "--" not in words:
        return words, []
    at = words.index("--")
    return words[:at], words[at + 1 :]


def trailing_command(context: typer.Context) -> list[str]:
    """Return the arguments after `--`."""
    words: list[str] = context.meta[_TRAILING]
    return words
