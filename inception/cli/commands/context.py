"""`inception context create` and `rm`: make and remove Docker CLI contexts for levels."""

from __future__ import annotations

from typing import Annotated

import typer

from inception.cli import selection

app = typer.Typer(help="Make and remove a docker context for each level.", add_completion=False, rich_markup_mode=None)


@app.command()
def create(
    *,
    name: selection.LevelPath = None,
    level: Annotated[
        int | None,
        typer.Option("--level", "-l", metavar="K", help="Number of the level.  [default: all]", show_default=False),
    ] = None,
) -> None:
    """Make a docker context for each level of a chain, or one.

    Use it as: docker --context inception-NAME-K
    """
    from inception.chain.level_paths import find_level, require_live_level
    from inception.engine.contexts import context_name, make_context

    chain, chosen = find_level(name, level)
    for number in range(1, chain.plan.depth + 1) if chosen is None else (chosen,):
        require_live_level(chain, number)
        context = context_name(chain.name, number)
        make_context(context, f"unix://{chain.plan.paths.socket(number)}", f"level {number} of chain {chain.name}")
        typer.echo(context)


@app.command()
def rm(*, name: selection.ChainName = None) -> None:
    """Remove the docker contexts of a chain, even after its end."""
    from inception.chain.status import find_chain
    from inception.engine.contexts import contexts_of, remove_contexts
    from inception.errors import UsageError
    from inception.plan.request import is_name

    if name is not None and not is_name(name):
        raise UsageError(f"{name!r} cannot name a chain", remedy="see: docker context ls")
    contexts = contexts_of(name or find_chain().name)
    remove_contexts(contexts)
    for context in contexts:
        typer.echo(context)
