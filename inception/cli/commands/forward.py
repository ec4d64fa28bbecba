"""`inception forward NAME PORT:TARGET`: a port of this host that leads into a level, until the chain ends."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from inception.cli import options, selection

_Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME] [ADDRESS:]PORT:[CONTAINER:]PORT[/udp]",
        help="Name of the chain, which may be left out if there is only one; port here, and target in the level.",
        autocompletion=selection.known_names,
        show_default=False,
    ),
]
_ExposeHost = Annotated[
    str | None,
    typer.Option(
        "--expose-host",
        metavar="PORT",
        help="The other way: have a TCP port of this host's loopback in every level, at 127.0.0.1 and, for containers, "
        "at 169.254.53.54.",
        show_default=False,
    ),
]


def forward(
    *,
    words: _Words = None,
    level: selection.Level = None,
    expose_host: _ExposeHost = None,
    as_json: options.Json = False,
) -> None:
    """Forward a port of this host to a container or to a port of a level: forward [NAME] 8080:web:80.

    Without CONTAINER the target is a port of the level itself. It ends with the chain, and `ls` shows it.
    """
    from inception.chain.forwarding.forward import Exposure, Forward, check_port, parse_forward
    from inception.chain.forwarding.start import start
    from inception.chain.level_paths import find_level, require_live_level
    from inception.chain.status import refuse_paused
    from inception.cli.output import print_json

    name, target = name_and_target(words or [], exposing=expose_host is not None)
    chain, number = find_level(name, level)
    carried: Forward | Exposure
    if expose_host:
        refuse_paused(chain.plan)
        carried = Exposure(port=check_port(expose_host))
    else:
        carried = parse_forward(target, require_live_level(chain, number))
    start(chain.plan, carried)
    if as_json:
        print_json(asdict(carried))
    else:
        typer.echo(str(carried))


def name_and_target(words: list[str], *, exposing: bool) -> tuple[str | None, str]:
    """Return the name and the target in `[NAME] TARGET`; with --expose-host there is no target. Raises UsageError."""
    from inception.errors import UsageError

    wanted = [*words, ""] if exposing else words
    if len(wanted) in {1, 2}:
        return wanted[0] if len(wanted) > 1 else None, wanted[-1]
    raise UsageError(
        f"cannot read {' '.join(words)!r} as [NAME] [ADDRESS:]PORT:[CONTAINER:]PORT",
        remedy="write it like: dream 8080:web:80, or: dream --expose-host 5000",
    )
