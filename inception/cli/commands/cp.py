"""`inception cp`: copy files into a level or out of it."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, TextIO

import typer

from inception.cli import selection
from inception.errors import UsageError

INSIDE = re.compile(r"(?P<name>[^/.:]*):(?P<path>.+)", re.DOTALL)
"""A path in a level, as docker cp writes it. A path of this machine that has a colon needs a slash before it."""


def cp(
    *,
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="[NAME]:PATH in a level, or a path of this machine.",
            autocompletion=selection.known_path_starts,
        ),
    ],
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            help="The same; exactly one of the two is in a level.",
            autocompletion=selection.known_path_starts,
        ),
    ],
    level: selection.Level = None,
) -> None:
    """Copy a file or directory into a level or out of it.

    As with docker cp: inception cp notes.txt dream:/root/. In place of the path of this machine, - stands for a tar
    archive on standard input or output.
    """
    from inception.chain.connect import level_client, require_live_level
    from inception.chain.copy import copy_in, copy_out, pack_out, unpack_in
    from inception.chain.status import find_chain

    inside = [INSIDE.fullmatch(word) for word in (source, target)]
    match inside:
        case [re.Match() as place, None] | [None, re.Match() as place]:
            chain = find_chain(place["name"] or None)
        case _:
            raise UsageError(
                "cp needs one path in a level", remedy="write it [NAME]:PATH, and the other without a colon"
            )
    here = target if inside[0] is not None else source
    _refuse_terminal(here, sys.stdout if inside[0] is not None else sys.stdin)
    number = require_live_level(chain, level)
    container = chain.plan.level(number).container
    with level_client(chain.plan, number - 1) as client:
        match (inside[0] is not None, here):
            case (True, "-"):
                pack_out(client, container, place["path"], sys.stdout.buffer)
            case (True, _):
                copy_out(client, container, place["path"], Path(here))
            case (False, "-"):
                unpack_in(client, container, sys.stdin.buffer, place["path"])
            case _:
                copy_in(client, container, Path(here), place["path"])


def _refuse_terminal(here: str, stream: TextIO) -> None:
    if here == "-" and stream.isatty():
        raise UsageError("cp - does not use a terminal for a tar archive", remedy="redirect it to a pipe or a file")
