"""`inception top`: what each level of a chain uses and does, each second on a terminal, else once."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from inception.cli import options, selection

if TYPE_CHECKING:
    from inception.chain.status import ChainStatus
    from inception.chain.watching.activity import Activity

_INTERVAL_S = 1.0
_HEADINGS = ("LEVEL", "STATE", "CPU", "MEMORY", "TASKS", "CONTAINERS")
_UNKNOWN = "-"


def top(*, name: selection.ChainName = None, as_json: options.Json = False) -> None:
    """Show what the levels of a chain use and do: processors, memory, tasks, running containers.

    A level's use includes that of its containers, without the levels below. On a terminal it is shown each second,
    until Ctrl-C or the end of the chain; otherwise once, as a table or as JSON, after a second of measuring.
    """
    from inception.chain.status import find_chain
    from inception.cli.output import print_json, print_table, state_text

    chain = find_chain(name)
    if sys.stdout.isatty() and not as_json:
        _watch(chain)
        return
    found = _measure(chain)
    if as_json:
        print_json({"name": chain.name, "condition": chain.state.value, "levels": [_fields(it) for it in found]})
        return
    print_table(rows(found))
    if chain.broken is not None:
        from inception.cli.output import say

        say(f"{chain.name}: {state_text(chain)}")


def _measure(chain: ChainStatus) -> tuple[Activity, ...]:
    from inception.chain.watching.activity import activities, read_levels

    before = read_levels(chain)
    time.sleep(_INTERVAL_S if any(before) else 0.0)
    return activities(chain, before, read_levels(chain))


def _watch(chain: ChainStatus) -> None:
    from rich.live import Live
    from rich.text import Text

    from inception.chain.status import find_chain
    from inception.chain.watching.activity import activities, read_levels
    from inception.cli.output import aligned, state_text
    from inception.errors import ChainError

    before = read_levels(chain)
    with Live(auto_refresh=False) as live:
        try:
            while True:
                time.sleep(_INTERVAL_S)
                chain = find_chain(chain.name)
                now = read_levels(chain)
                table = aligned(rows(activities(chain, before, now)))
                live.update(Text("\n".join((f"{chain.name}: {state_text(chain)}", *table))), refresh=True)
                before = now
        except (KeyboardInterrupt, ChainError):
            return


def _fields(activity: Activity) -> dict[str, object]:
    fields = asdict(activity)
    return {"level": fields.pop("number"), "presence": fields.pop("state").value, **fields}


def rows(levels: tuple[Activity, ...]) -> list[tuple[str, ...]]:
    """Return the table for people, its headings first."""
    from inception.plan.formats.size import show_size

    return [
        _HEADINGS,
        *(
            (
                str(it.number),
                str(it.state),
                _UNKNOWN if it.cpu is None else f"{it.cpu:.0%}",
                _UNKNOWN if it.memory is None else show_size(it.memory),
                _UNKNOWN if it.tasks is None else str(it.tasks),
                _UNKNOWN if it.containers is None else ", ".join(it.containers) or "none",
            )
            for it in levels
        ),
    ]
