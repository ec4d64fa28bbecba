"""`inception events`: the phases of a chain's levels as they begin and end, until the chain has ended."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inception.cli import selection

if TYPE_CHECKING:
    from inception.plan.chain import ChainPlan
    from inception.plan.events import Event

_POLL_S = 0.1


def events(
    *,
    path: selection.LevelPath = None,
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", help="Print new events as they come, until the chain ends.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line, for programs.")] = False,
) -> None:
    """Print the events of a chain, from its beginning on: each phase of each level, and what failed.

    A path to a level has the events of that one and of those below.
    """
    from inception.chain.level_paths import find_branch
    from inception.chain.watching.event_follower import follow as follow_file
    from inception.plan.formats.text import printable

    chain, numbers = find_branch(path)
    plan = chain.plan
    # Of a whole chain also those of levels that come later.
    chosen = None if len(numbers) == plan.depth else numbers
    for event in follow_file(Path(plan.paths.events), stop=lambda: not follow or has_ended(plan), poll_s=_POLL_S):
        if chosen is None or event.level in chosen:
            typer.echo(event.to_line() if as_json else printable(event_line(plan, event)), nl=not as_json)


def has_ended(plan: ChainPlan) -> bool:
    """Return whether neither a client that starts the chain nor its level 1 lives."""
    from inception.linux import lifeline

    return not any(lifeline.is_held(Path(it)) for it in (plan.paths.lifeline(0), plan.paths.alive(1)))


def event_line(plan: ChainPlan, event: Event) -> str:
    """Return the event for people: local time, level, phase, what happened, how long it took, and its message."""
    from inception.chain.level_paths import level_text
    from inception.plan.events import State

    clock = time.strftime("%H:%M:%S", time.localtime(event.time_s))
    verbs = {State.BEGIN: "begins", State.END: "ends", State.NOTE: "notes", State.FAIL: "fails"}
    words = [
        f"{clock}.{int(event.time_s % 1 * 1000):03}",
        f"level {level_text(plan, event.level)}",
        f"{event.phase} {verbs[event.state]}",
        f"after {event.seconds:.3f} s" if event.seconds is not None else "",
    ]
    line = "  ".join(filter(None, words))
    return f"{line}: {event.message}" if event.message else line
