"""`inception cp`: files into a level and out of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from inception.cli import selection
from inception.errors import UsageError

INSIDE = re.compile(r"(?P<name>[^/.:]*):(?P<path>.+)", re.DOTALL)
"""A path in a level, as docker cp writes them; one here that has a colon is written with a slash before it."""


def cp(
    *,
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="[NAME]:PATH in a level, or a path here.")],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="The same; one of the two is in a level.")],
    level: selection.Level = None,
) -> None:
    """Copy a file or directory into a level or out of it, as docker cp does: cp notes.txt dream:/root/."""
    from inception.chain.copy import copy_in, copy_out
    from inception.chain.reach import engine_at, living_level
    from inception.chain.store import find_chain

    inside = [INSIDE.fullmatch(word) for word in (source, target)]
    match inside:
        case [re.Match() as place, None] | [None, re.Match() as place]:
            chain = find_chain(place["name"] or None)
        case _:
            raise UsageError(
                "cp needs one path in a level", remedy="write it [NAME]:PATH, and the other without a colon"
            )
    number = living_level(chain, level)
    container = chain.plan.level(number).container
    with engine_at(chain.plan, number - 1) as client:
        if inside[0] is not None:
            copy_out(client, container, place["path"], Path(target))
        else:
            copy_in(client, container, Path(source), place["path"])
