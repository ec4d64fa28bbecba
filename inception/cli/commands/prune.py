"""`inception prune`: remove what dead chains left after a crash of the machine or of its engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from inception.cli import options
from inception.cli.output import say

if TYPE_CHECKING:
    from inception.engine.connect import Engine


def prune(
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove without asking.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only show it.")] = False,
    engine: options.EngineAddress = "auto",
    as_json: options.Json = False,
) -> None:
    """Remove what dead chains have left, after showing it.

    That is only what carries inception's labels, or lies in its run root. With --engine auto, the private engine is
    searched as well if it runs.
    """
    import shutil
    from dataclasses import asdict

    from inception.chain.leftovers import leftovers_in_run_root, leftovers_on_engine, remove_leftover
    from inception.cli.output import echo, print_json
    from inception.places import run_root

    with ExitStack() as stack:
        on_engines = [(it, leftovers_on_engine(it)) for it in _engines(engine, stack)]
        directories = tuple(leftovers_in_run_root(run_root()))
        leftovers = [*(leftover for _, left in on_engines for leftover in left), *directories]
        if as_json:
            print_json([asdict(leftover) for leftover in leftovers])
        else:
            for leftover in leftovers:
                echo(str(leftover))
        if not leftovers:
            say("nothing is left behind")
            return
        if dry_run or not (yes or typer.confirm("remove all of it?", err=True)):
            return
        for level_0, left in on_engines:
            for leftover in left:
                remove_leftover(level_0.client, leftover)
        for leftover in directories:
            shutil.rmtree(leftover.handle, ignore_errors=True)
    say(f"{len(leftovers)} removed")


def _engines(engine: str, stack: ExitStack) -> Iterator[Engine]:
    """Yield the engine that `engine` names; for `auto`, also a private one that runs beside it."""
    from inception.engine.connect import EngineChoice, connect_to
    from inception.engine.private.layout import private_engine_directory
    from inception.engine.private.lease import takes_clients

    level_0 = stack.enter_context(connect_to(engine, say))
    yield level_0
    if engine != EngineChoice.AUTO or level_0.private:
        return
    private = private_engine_directory()
    if takes_clients(private):
        yield stack.enter_context(connect_to(EngineChoice.PRIVATE, say))
    elif private.data_root.is_dir():
        say("not searched: the private engine, which does not run: see inception prune --engine private")
