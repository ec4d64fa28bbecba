"""The options of commands that run a session: those of `docker exec`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from inception.chain.session.exec_options import ExecOptions
from inception.cli.environment import read_environment
from inception.cli.options import with_signature
from inception.errors import UsageError
from inception.spec.options import parameters_of


def make_exec_options(
    *,
    env: Annotated[
        list[str] | None,
        typer.Option(
            "--env", "-e", metavar="NAME[=VALUE]", help="Set a variable, or take it from here; may be repeated."
        ),
    ] = None,
    env_file: Annotated[
        list[str] | None,
        typer.Option("--env-file", metavar="FILE", help="Set the variables in FILE, one a line; may be repeated."),
    ] = None,
    user: Annotated[
        str | None, typer.Option("--user", "-u", metavar="USER[:GROUP]", help="Name or id.  [default: root]")
    ] = None,
    workdir: Annotated[str | None, typer.Option("--workdir", "-w", metavar="DIR", help="Working directory.")] = None,
    tty: Annotated[
        bool | None,
        typer.Option("--tty/--no-tty", "-t/-T", help="Give it a terminal, or none.  [default: as inception itself]"),
    ] = None,
    interactive: Annotated[
        bool, typer.Option("--interactive", "-i", help="Accepted for docker's sake: standard input is always open.")
    ] = False,
) -> ExecOptions:
    """Return what these options ask for. Raises UsageError for variables that cannot be set.

    Raises it as well for a terminal that standard input is not.
    """
    del interactive
    if tty and not os.isatty(sys.stdin.fileno()):
        raise UsageError(
            "--tty needs a terminal as standard input", remedy="leave it out, or do not redirect the input"
        )
    return ExecOptions(
        environment=read_environment(env or (), env_file or (), os.environ), user=user, workdir=workdir, terminal=tty
    )


def with_exec_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command every option of `make_exec_options`; it is called with the `exec_options` that they make."""
    shared = parameters_of(make_exec_options)
    own = [it for it in parameters_of(command) if it.name != "exec_options"]

    def wrapper(**arguments: Any) -> None:
        made = make_exec_options(**{it.name: arguments.pop(it.name) for it in shared})
        command(exec_options=made, **arguments)

    return with_signature(wrapper, command, [*own, *shared])
