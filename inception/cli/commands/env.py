"""`inception env`: environment variables that point a Docker client at a level's engine."""

from __future__ import annotations

import os
import shlex
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from inception.cli import options, selection

VARIABLES = ("DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")
"""The variables that name an engine. DOCKER_CONTEXT takes effect only where DOCKER_HOST is not set."""


class Syntax(StrEnum):
    """Shells, by the syntax of their settings."""

    SH = "sh"
    FISH = "fish"


def env(
    *,
    name: selection.LevelPath = None,
    level: selection.Level = None,
    unset: Annotated[bool, typer.Option("--unset", help="Print what unsets them instead.")] = False,
    syntax: Annotated[
        Syntax | None,
        typer.Option("--shell", help="Shell whose syntax to use.  [default: that of $SHELL]", show_default=False),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Print shell settings that make docker talk to a level.

    For instance: eval "$(inception env --level 2)"
    """
    from inception.cli.output import print_json

    settings = dict.fromkeys(VARIABLES) if unset else _settings(name, level)
    if as_json:
        print_json(settings)
        return
    for line in lines(settings, syntax or usual_syntax(os.environ.get("SHELL", ""))):
        typer.echo(line)


def _settings(name: str | None, level: int | None) -> dict[str, str | None]:
    from inception.chain.level_paths import find_live_level
    from inception.chain.publishing.publish import certificates_of, published

    chain, number = find_live_level(name, level)
    if (publication := published(chain.plan, number)) is None:
        return {**dict.fromkeys(VARIABLES), "DOCKER_HOST": f"unix://{chain.plan.paths.socket(number)}"}
    if publication.plain:
        return {**dict.fromkeys(VARIABLES), "DOCKER_HOST": publication.host}
    return {
        "DOCKER_HOST": publication.host,
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": str(certificates_of(chain.plan)),
    }


def usual_syntax(shell: str) -> Syntax:
    """Return the syntax of the shell at the path `shell`."""
    return Syntax.FISH if Path(shell).name == "fish" else Syntax.SH


def lines(settings: dict[str, str | None], syntax: Syntax) -> list[str]:
    """Return lines that set each variable, or unset one that has no value."""
    if syntax is Syntax.FISH:
        return [
            f"set -e {name};" if value is None else f"set -gx {name} {shlex.quote(value)};"
            for name, value in settings.items()
        ]
    return [
        f"unset {name};" if value is None else f"export {name}={shlex.quote(value)};"
        for name, value in settings.items()
    ]
