"""`inception prune`: remove what a crash of the machine or of its engine has left of chains."""

from __future__ import annotations

from typing import Annotated

import typer

from inception.cli import options


def prune(
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove it without asking.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Show it, and remove nothing.")] = False,
    engine: options.EngineAddress = "auto",
    as_json: options.Json = False,
) -> None:
    """Show what dead chains have left, and remove it: only what carries our labels or lies in our run root."""
    from dataclasses import asdict

    from inception.chain.leftovers import find_leftovers, remove_leftover
    from inception.cli.words import print_json
    from inception.engine.connect import connect_to
    from inception.places import run_root

    with connect_to(engine, lambda line: typer.echo(f"inception: {line}", err=True)) as level_0:
        leftovers = find_leftovers(level_0.client, run_root())
        if as_json:
            print_json([asdict(leftover) for leftover in leftovers])
        else:
            for leftover in leftovers:
                typer.echo(str(leftover))
        if not leftovers:
            typer.echo("inception: nothing is left behind", err=True)
            return
        if dry_run or not (yes or typer.confirm("remove all of it?", err=True)):
            return
        for leftover in leftovers:
            remove_leftover(level_0.client, leftover)
    typer.echo(f"inception: {len(leftovers)} removed", err=True)
