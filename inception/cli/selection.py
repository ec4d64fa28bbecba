"""How commands name a chain and a level that are there: `[NAME] [--level K]`, and a command behind `--`."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperCommand

_BEHIND = "inception.behind"


def known_names(incomplete: str) -> list[str]:
    """The names of chains that begin so, for the shell's completion."""
    from inception.chain.status import chain_names

    return [name for name in chain_names() if name.startswith(incomplete)]


def known_places(incomplete: str) -> list[str]:
    """How a path in a chain's level begins, likewise."""
    return [f"{name}:" for name in known_names(incomplete)]


ChainName = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]",
        help="Which chain; not needed where there is one only.",
        autocompletion=known_names,
        show_default=False,
    ),
]
ChainNames = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME]...", help="Which chains.", autocompletion=known_names, show_default=False),
]
Level = Annotated[
    int | None,
    typer.Option("--level", "-l", metavar="K", help="Which level.  [default: the bottom]", show_default=False),
]


class CommandBehind(TyperCommand):
    """A command of ours that takes another one behind `--`, which no name or option of ours can be mistaken for."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 typer does not export the type
        own, behind = _split(args)
        ctx.meta[_BEHIND] = behind
        return super().parse_args(ctx, own)


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    if "--" not in words:
        return words, []
    at = words.index("--")
    return words[:at], words[at + 1 :]


def command_behind(context: typer.Context) -> list[str]:
    """The words behind `--`."""
    words: list[str] = context.meta[_BEHIND]
    return words
