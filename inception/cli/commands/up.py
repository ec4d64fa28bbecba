"""`inception up --depth N`: start a chain that runs until `inception down`, or until its --ttl is over."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from inception.cli import options
from inception.plan.request import Request


@options.with_chain_options()
def up(
    *,
    request: Request,
    ttl: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Unwind the chain after this long: 90s, 45m, 2h.", show_default=False),
    ] = None,
    publish_engine: options.Published = None,
    publish_address: options.PublishAddress = options.LOOPBACK,
    tls_san: options.TlsNames = None,
    insecure_plaintext: options.Plaintext = False,
    engine: options.EngineAddress = "auto",
    quiet: options.Quiet = False,
) -> None:
    """Start a chain of N levels, leave it running, print its name."""
    from inception.chain.interrupts import raising_interrupted
    from inception.chain.prepare import prepare
    from inception.chain.publishing.publish import parse_publications, publish
    from inception.chain.running import start_detached
    from inception.chain.teardown import take_down
    from inception.cli.drawing import draw
    from inception.engine.connect import connect_to
    from inception.errors import UsageError

    if request.depth == 0:
        raise UsageError("depth 0 is the host itself, which is up", remedy="ask for 1 level or more with --depth")
    detached = replace(request, attached=False, ttl_s=None if ttl is None else options.seconds(ttl))
    publications = parse_publications(
        publish_engine or (),
        address=publish_address,
        plain=insecure_plaintext,
        tls_names=tls_san or (),
        depth=request.depth,
    )
    with (
        raising_interrupted(),
        draw.descent(request.depth, quiet=quiet) as drawing,
        connect_to(engine, drawing.progress) as level_0,
    ):
        plan = prepare(level_0, detached, drawing.progress)
        start_detached(level_0.client, plan, drawing.show)
        try:
            publish(plan, publications)
        except BaseException:
            take_down(level_0.client, plan)
            raise
    typer.echo(plan.name)
