"""`inception stop NAME...` ends chains and keeps their data; `inception start NAME...` boots them from it."""

from __future__ import annotations

from inception.cli import options, selection
from inception.cli.output import say_unless


def stop(*, names: selection.ChainNames = None, quiet: options.Quiet = False) -> None:
    """Unwind chains, and keep their data: also over a restart of the machine.

    Kept are the images, containers, volumes and networks of each level's engine. `ls` shows the chain as stopped;
    `down` removes it. Forwards and published engines end.
    """
    from inception.chain.level_engines import level_0_engine
    from inception.chain.status import find_chain
    from inception.chain.stopped import stopping

    on_message = say_unless(quiet=quiet)
    for chain in [find_chain(name) for name in names or (None,)]:
        with level_0_engine(chain.plan, on_message) as engine:
            stopping.stop(engine.client, chain)
        on_message(f"{chain.name}: stopped; inception start {chain.name} starts it again")


def start(*, names: selection.ChainNames = None, quiet: options.Quiet = False) -> None:
    """Start stopped chains again, with their data.

    The containers that are to restart with their engine do, at every level.
    """
    from inception.chain.interrupts import raising_interrupted
    from inception.chain.level_engines import level_0_engine
    from inception.chain.running import start_detached
    from inception.chain.stopped.stopping import release, require_stopped
    from inception.cli.drawing import draw

    on_message = say_unless(quiet=quiet)
    for plan in [require_stopped(name) for name in names or (None,)]:
        with (
            raising_interrupted(),
            draw.descent(plan.depth, quiet=quiet) as drawing,
            level_0_engine(plan, drawing.progress) as engine,
        ):
            start_detached(engine.client, plan, drawing.show)
            release(engine.client, plan, with_data=False)
        on_message(f"{plan.name}: started")
