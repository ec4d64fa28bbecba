"""`inception plan --depth N`: show the plan of a descent, and start nothing of it."""

from __future__ import annotations

import typer

from inception.cli import options
from inception.plan.request import Request


@options.with_chain_options()
def plan(*, request: Request, engine: options.EngineAddress = "auto", json: options.Json = False) -> None:
    """Show what a descent of N levels would do, without doing it.

    If a private engine has to be started for that, it is stopped again.
    """
    from inception.chain.prepare import images_on, plan_on
    from inception.cli.output import say
    from inception.cli.tables import plan_table
    from inception.engine.connect import connect_to
    from inception.image.preloads import find_preloads
    from inception.plan.engine.proxies import mask_credentials

    with connect_to(engine, say) as level_0:
        images = images_on(level_0, request.images)
        made = plan_on(level_0, request, images, preloads=find_preloads(level_0.client, request.preload))
    if json:
        typer.echo(mask_credentials(made.to_json()), nl=False)
    else:
        plan_table(made, missing=[image.name for image in images if not image.image_id])
