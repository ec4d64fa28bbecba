"""`inception top`: what each level of a chain uses and does, each second on a terminal, else once."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from inception.cli import options, selection

if TYPE_CHECKING:
    from inception.chain.status import ChainStatus
    from inception.chain.watching.activity import Activity
    from inception.plan.chain import ChainPlan

_INTERVAL_S = 1.0
_HEADINGS = ("LEVEL", "STATE", "CPU", "MEMORY", "TASKS", "CONTAINERS")
_UNKNOWN = "-"


def top(*, path: selection.LevelPath = None, as_json: options.Json = False) -> None:
    """Show what the levels of a chain use and do: processors, memory, tasks, running containers.

    A level's use includes that of its containers, without the levels below. On a terminal it is shown each second,
    until Ctrl-C or the end of the chain; otherwise once, as a table or as JSON, after a second of measuring. A path to
    a level shows that one and those below.
    """
    from inception.chain.level_paths import find_branch
    from inception.cli.output import print_json, print_table, state_text

    chain, numbers = find_branch(path)
    if sys.stdout.isatty() and not as_json:
        _watch(path or chain.name)
        return
    found = [it for it in _measure(chain) if it.number in numbers]
    if as_json:
        levels = [_fields(chain.plan, it) for it in found]
        print_json({"name": chain.name, "condition": chain.state.value, "levels": levels})
        return
    print_table(rows(chain.plan, found))
    if chain.broken is not None:
        from inception.cli.output import say

        say(f"{chain.name}: {state_text(chain)}")


def _measure(chain: ChainStatus) -> tuple[Activity, ...]:
    from inception.chain.watching.activity import activities, read_levels

    before = read_levels(chain)
    time.sleep(_INTERVAL_S if any(before) else 0.0)
    return activities(chain, before, read_levels(chain))


def _watch(path: str) -> None:
    from rich.live import Live
    from rich.text import Text

    from inception.chain.level_paths import find_branch
    from inception.chain.watching.activity import activities, read_levels
    from inception.cli.output import aligned, state_text
    from inception.errors import ChainError, UsageError

    with Live(auto_refresh=False) as live:
        try:
            before = read_levels(find_branch(path)[0])
            while True:
                time.sleep(_INTERVAL_S)
                chain, numbers = find_branch(path)
                now = read_levels(chain)
                found = [it for it in activities(chain, before, now) if it.number in numbers]
                table = aligned(rows(chain.plan, found))
                live.update(Text("\n".join((f"{chain.name}: {state_text(chain)}", *table))), refresh=True)
                before = now
        except (KeyboardInterrupt, ChainError, UsageError):  # The chain, or that level of it, has ended.
            return


def _fields(plan: ChainPlan, activity: Activity) -> dict[str, object]:
    from inception.chain.level_paths import path_of

    fields = asdict(activity)
    number = fields.pop("number")
    return {"level": number, "path": path_of(plan, number), "presence": fields.pop("state").value, **fields}


def rows(plan: ChainPlan, levels: Sequence[Activity]) -> list[tuple[str, ...]]:
    """Return the table for people, its headings first."""
    from inception.chain.level_paths import level_text
    from inception.plan.formats.size import show_size

    return [
        _HEADINGS,
        *(
            (
                level_text(plan, it.number),
                str(it.state),
                _UNKNOWN if it.cpu is None else f"{it.cpu:.0%}",
                _UNKNOWN if it.memory is None else show_size(it.memory),
                _UNKNOWN if it.tasks is None else str(it.tasks),
                _UNKNOWN if it.containers is None else ", ".join(it.containers) or "none",
            )
            for it in levels
        ),
    ]
