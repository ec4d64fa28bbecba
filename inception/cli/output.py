"""Output that several commands share: lines and tables for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

import typer

from inception.callbacks import ignore
from inception.plan.formats.text import printable

if TYPE_CHECKING:
    from inception.chain.status import ChainStatus, LevelStatus  # It would cost `inception --help` a third of its time.
    from inception.plan.chain import ChainPlan


class BreakFields(TypedDict):
    """The level at which a chain broke, the reason, and the end of that level's log."""

    level: int
    reason: str
    log_tail: list[str]


class LevelFields(TypedDict):
    """One level. `age_s` is the seconds since it became ready, `socket` the path of its engine's Docker socket.

    `presence` is booting, ready, unwinding, unwound, failed or lost. `image` is that of the level, `image_store` the
    one of its engine. `above` is the number of the level above, 0 for the host, `label` its name in a tree. `path`
    leads to it from the name of the chain.
    """

    level: int
    presence: str
    age_s: float | None
    above: int
    label: str | None
    path: str
    container: str
    image: str
    engine_version: str | None
    image_store: str
    runtime: str | None
    socket: str
    remarks: list[str]


class ChainFields(TypedDict):
    """One chain. `condition` is descending, running, paused, stopped, unwinding, broken or unreachable.

    `ttl_s` is the time after which it ends by itself, `endpoint` the address of the level-0 engine. `forwards` are
    ports of this host that lead into the chain, and those of the host that every level has. `preloads` are the images
    that every level's engine has from its start.
    """

    name: str
    depth: int
    condition: str
    attached: bool
    ttl_s: float | None
    endpoint: str
    run_directory: str
    broken: BreakFields | None
    remarks: list[str]
    preloads: list[str]
    forwards: list[dict[str, Any]]
    levels: list[LevelFields]


def say(line: str) -> None:
    """Write a line for people, to standard error: standard output is for results."""
    typer.echo(f"inception: {printable(line)}", err=True)


def echo(line: str) -> None:
    """Print a line for people in which a level's or an engine's text may stand, harmless to the terminal."""
    typer.echo(printable(line))


def say_unless(*, quiet: bool) -> Callable[[str], None]:
    """Return `say`, or with --quiet a function that does nothing."""
    return ignore if quiet else say


def state_text(status: ChainStatus) -> str:
    """Return the state of the chain for people: if it broke, where and why."""
    if status.broken is None:
        return str(status.state)
    return f"{status.state} (level {status.broken.level}: {status.broken.reason})"


def chain_fields(status: ChainStatus) -> ChainFields:
    """Return a chain as `ls --json` prints it: stable names, times in seconds."""
    from dataclasses import asdict

    from inception.chain.forwarding.records import forwards_of
    from inception.plan.engine.preloads import show_preload
    from inception.plan.engine.seeds import preloads_in

    broken = status.broken
    return {
        "name": status.name,
        "depth": status.plan.depth,
        "condition": status.state.value,
        "attached": status.plan.attached,
        "ttl_s": status.plan.ttl_s,
        "endpoint": status.plan.endpoint,
        "run_directory": status.plan.run_directory,
        "broken": None
        if broken is None
        else {"level": broken.level, "reason": broken.reason, "log_tail": list(broken.log_tail)},
        "remarks": list(status.remarks),
        "preloads": [show_preload(it) for it in preloads_in(status.plan.seeds)],
        "forwards": [asdict(it) for it in forwards_of(status.plan)],
        "levels": [_level_fields(status.plan, level) for level in status.levels],
    }


def _level_fields(plan: ChainPlan, status: LevelStatus) -> LevelFields:
    from inception.chain.level_paths import path_of

    level, seed = plan.level(status.number), plan.seed_of(status.number)
    return {
        "level": status.number,
        "presence": status.state.value,
        "age_s": status.age_s,
        "above": level.above,
        "label": level.label or None,
        "path": path_of(plan, status.number),
        "container": level.container,
        "image": level.image,
        "engine_version": seed.engine_version or None,
        "image_store": seed.store.value,
        "runtime": level.runtime,
        "socket": str(plan.paths.socket(status.number)),
        "remarks": list(status.remarks),
    }


def engines_text(plan: ChainPlan) -> str:
    """Return the engines of a chain's levels for people: `26.1.5 overlay2 1-2, 28.5.2 containerd 3`."""
    from inception.plan.engine.options import ranges

    engines = (plan.seed_of(level.number) for level in plan.levels)
    return ranges([f"{it.engine_version or 'unknown'} {it.store}" for it in engines])


def print_json(value: object) -> None:
    """Print `value` as JSON, indented."""
    typer.echo(json.dumps(value, indent=2))


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows of as many cells each, the columns aligned; the first row is the heading."""
    for line in aligned(rows):
        typer.echo(line)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a line for each row, the columns aligned."""
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
