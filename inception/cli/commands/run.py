"""`inception --depth N [-- COMMAND]`: descend, give a shell or run a command at the bottom, and climb back."""

from __future__ import annotations

from typing import Annotated

import typer

from inception.cli import options
from inception.plan.request import Request


@options.with_chain_options
def run(
    *,
    request: Request,
    command: Annotated[
        list[str] | None, typer.Argument(metavar="[-- COMMAND...]", help="Run this at the bottom.  [default: a shell]")
    ] = None,
    shells: Annotated[
        bool, typer.Option("--shells", help="A shell at each level: exit ends it, and leads to the level above.")
    ] = False,
    publish_engine: options.Published = None,
    publish_address: options.PublishAddress = options.LOOPBACK,
    insecure_plaintext: options.Plaintext = False,
    engine: options.EngineAddress = "auto",
    quiet: options.Quiet = False,
    json_events: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write each step to FILE, one JSON object a line.")
    ] = None,
) -> None:
    """Descend N levels and give a shell at the bottom, or run COMMAND there and exit with its status."""
    from inception.chain.publishing.publish import parse_publications
    from inception.cli.descent import run_at_depth
    from inception.errors import UsageError

    if shells and command:
        raise UsageError("--shells and a command exclude each other", remedy="leave out one of the two")
    publications = parse_publications(
        publish_engine or (), address=publish_address, plain=insecure_plaintext, depth=request.depth
    )
    status = run_at_depth(
        request,
        command or None,
        engine=engine,
        quiet=quiet,
        json_events=json_events,
        climb=shells,
        publications=publications,
    )
    raise typer.Exit(status)
