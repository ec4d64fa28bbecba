"""`inception pause NAME...` freezes chains where they are; `inception resume NAME...` lets them go on."""

from __future__ import annotations

from inception.cli import options, selection
from inception.cli.output import say_unless


def pause(*, names: selection.ChainNames = None, quiet: options.Quiet = False) -> None:
    """Freeze all processes of chains; nothing is lost, and nothing answers until they are resumed."""
    from inception.chain import freezer
    from inception.chain.level_engines import level_0_engine
    from inception.chain.status import find_chain

    on_message = say_unless(quiet=quiet)
    for chain in [find_chain(name) for name in names or (None,)]:
        with level_0_engine(chain.plan, on_message) as engine:
            freezer.pause(engine.client, chain)
        on_message(f"{chain.name}: paused; inception resume {chain.name} lets it go on")


def resume(*, names: selection.ChainNames = None, quiet: options.Quiet = False) -> None:
    """Let paused chains go on."""
    from inception.chain import freezer
    from inception.chain.level_engines import level_0_engine
    from inception.chain.status import find_chain

    on_message = say_unless(quiet=quiet)
    for chain in [find_chain(name) for name in names or (None,)]:
        with level_0_engine(chain.plan, on_message) as engine:
            freezer.resume(engine.client, chain.plan)
        on_message(f"{chain.name}: resumed")
