"""`inception cp`: copy files into a level or out of it."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from inception.cli import selection
from inception.errors import UsageError

if TYPE_CHECKING:
    from inception.chain.copying.copy import Place

INSIDE = re.compile(r"(?P<name>[^/.:]*|[^/.:]+(?:/[^/.:]+)+):(?P<path>.+)", re.DOTALL)
"""A path in a level, as docker cp writes it. A path of this machine with a colon begins with a slash or `./`."""


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
    from inception.chain.copying.copy import Place
    from inception.chain.level_engines import level_client
    from inception.chain.level_paths import find_live_level

    out = INSIDE.fullmatch(source)
    place, here = (out, target) if out is not None else (INSIDE.fullmatch(target), source)
    if place is None or (out is not None and INSIDE.fullmatch(target) is not None):
        raise UsageError("cp needs one path in a level", remedy="write it [NAME]:PATH, and the other without a colon")
    chain, number = find_live_level(place["name"] or None, level)
    _refuse_terminal(here, sys.stdin if out is None else sys.stdout)
    with level_client(chain.plan, chain.plan.level(number).above) as client:
        inside = Place(client=client, container=chain.plan.level(number).container, path=place["path"])
        if out is None:
            _copy_in(here, inside)
        else:
            _copy_out(inside, here)


def _copy_in(here: str, inside: Place) -> None:
    from inception.chain.copying.copy import copy_in, unpack_in

    if here == "-":
        unpack_in(sys.stdin.buffer, inside)
    else:
        copy_in(Path(here), inside)


def _copy_out(inside: Place, here: str) -> None:
    from inception.chain.copying.copy import copy_out, pack_out

    if here == "-":
        pack_out(inside, sys.stdout.buffer)
    else:
        copy_out(inside, Path(here))


def _refuse_terminal(here: str, stream: TextIO) -> None:
    if here == "-" and stream.isatty():
        raise UsageError("cp - does not use a terminal for a tar archive", remedy="redirect it to a pipe or a file")
