"""`inception down NAME...` unwinds chains in order; `inception kick NAME` ends one at once."""

from __future__ import annotations

from typing import Annotated

import typer

from inception.cli import options, selection
from inception.cli.output import say_unless

All = Annotated[bool, typer.Option("--all", help="End every chain of this machine.")]


def down(*, names: selection.ChainNames = None, every: All = False, quiet: options.Quiet = False) -> None:
    """Unwind chains, from the bottom up, and remove all of them, also those that are stopped."""
    _end(names, every=every, quiet=quiet, at_once=False)


def kick(*, names: selection.ChainNames = None, every: All = False, quiet: options.Quiet = False) -> None:
    """Kill chains at once, and remove all of them."""
    _end(names, every=every, quiet=quiet, at_once=True)


def _end(names: list[str] | None, *, every: bool, quiet: bool, at_once: bool) -> None:
    from inception.chain.level_engines import level_0_engine
    from inception.chain.status import find_chain, list_chains
    from inception.chain.stopped.records import stopped_plan
    from inception.chain.stopped.stopping import release
    from inception.chain.teardown import remove_at_once, take_down
    from inception.engine.contexts import contexts_of, remove_contexts
    from inception.errors import UsageError

    if every and names:
        raise UsageError("--all and names exclude each other", remedy="leave out one of the two")
    # All names are looked up before the first chain ends.
    chains = list_chains() if every else [find_chain(name, also_stopped=True) for name in names or (None,)]
    on_message = say_unless(quiet=quiet)
    for chain in chains:
        with level_0_engine(chain.plan, on_message) as engine:
            (remove_at_once if at_once else take_down)(engine.client, chain.plan)
            # It is stopped, or a stop or a start of it was cut short.
            if (kept := stopped_plan(chain.name)) is not None:
                release(engine.client, kept, with_data=True)
        remove_contexts(contexts_of(chain.name))
        on_message(f"{chain.name}: {'kicked' if at_once else 'unwound'}, nothing is left")
