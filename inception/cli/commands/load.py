"""`inception load NAME IMAGE...`: give the engines of a running chain images of level 0."""

from __future__ import annotations

from typing import Annotated

import typer

from inception.cli import options, selection
from inception.cli.output import say_unless

_Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME[/LEVEL...]", help="Name of the chain, or path to a level.", autocompletion=selection.known_names
    ),
]
_Images = Annotated[
    list[str], typer.Argument(metavar="IMAGE|FILE...", help="Images of level 0, or archives of docker save.")
]
_Levels = Annotated[
    str | None,
    typer.Option("--level", "-l", metavar="LEVELS", help="Levels: 2, 2-4 or 3-.  [default: all]", show_default=False),
]


def load(*, name: _Name, images: _Images, level: _Levels = None, quiet: options.Quiet = False) -> None:
    """Load images of level 0, or those of archives, into the engines of a running chain: load NAME IMAGE...

    Levels that are added later do not have them; `--preload` gives images to a new chain, at no cost a level.
    """
    from inception.chain import loading
    from inception.chain.inputs.preloads import read_preloads
    from inception.chain.level_paths import find_level
    from inception.errors import UsageError
    from inception.plan.engine.options import LevelRange, parse_levels

    try:
        levels = LevelRange() if level is None else parse_levels(level)
    except ValueError as error:
        raise UsageError(str(error), remedy="write LEVELS like 2, 2-4 or 3-") from error
    chain, number = find_level(name, None)
    if number is not None:
        levels = LevelRange(first=number, last=number)
    sources = read_preloads(images)
    say = say_unless(quiet=quiet)
    loading.load(
        chain,
        sources,
        levels,
        on_message=say,
        on_loaded=lambda it: say(f"{chain.name}: level {it.level} has them, after {it.seconds:.1f} s"),
    )
