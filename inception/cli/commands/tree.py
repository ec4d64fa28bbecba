"""`inception tree`: show the state of each level of a chain."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inception.cli import options, selection

if TYPE_CHECKING:
    from inception.chain.status import ChainStatus
    from inception.chain.watching.inspect import LevelDetails
    from inception.plan.tree import Shape

_AGAIN_S = 1.0
_STEP = 3
"""Columns that a level is indented more than the one above, where there is room."""


def tree(
    *,
    path: selection.LevelPath = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Update each second, until Ctrl-C.")] = False,
    as_json: options.Json = False,
) -> None:
    """Show the levels of a chain and what runs in them.

    For each level: state, engine, address, PID namespace, storage, age, memory, containers. A path to a level shows
    that one and those below.
    """
    from inception.chain.level_paths import find_branch
    from inception.chain.watching.inspect import inspect_levels
    from inception.cli.output import chain_fields, print_json

    chain, numbers = find_branch(path)
    if as_json:
        fields = chain_fields(chain)
        levels = [it for it in fields["levels"] if it["level"] in numbers]
        detailed = zip(levels, inspect_levels(chain, numbers), strict=True)
        print_json({**fields, "levels": [{**level, **_detail_fields(chain, it)} for level, it in detailed]})
    elif watch:
        _watch(path or chain.name)
    else:
        for line in tree_lines(chain, inspect_levels(chain, numbers), width=_terminal_width()):
            typer.echo(line)


def _watch(path: str) -> None:
    from rich.live import Live
    from rich.text import Text

    from inception.chain.level_paths import find_branch
    from inception.chain.watching.inspect import inspect_levels
    from inception.errors import ChainError, UsageError

    with Live(auto_refresh=False) as live:
        width = live.console.width
        try:
            while True:
                chain, numbers = find_branch(path)
                lines = tree_lines(chain, inspect_levels(chain, numbers), width=width)
                live.update(Text("\n".join(lines)), refresh=True)
                time.sleep(_AGAIN_S)
        except (KeyboardInterrupt, ChainError, UsageError):  # The chain, or that level of it, has ended.
            return


def _detail_fields(chain: ChainStatus, details: LevelDetails) -> dict[str, Any]:
    plan = chain.plan.level(details.status.number)
    return {
        "engine_version": details.engine_version or chain.plan.seed_of(details.status.number).engine_version or None,
        "address": details.address,
        "pid_namespace": plan.pid_namespace.value,
        "storage": plan.storage.kind.value,
        "memory": details.memory,
        "containers": None if details.containers is None else list(details.containers),
    }


def _terminal_width() -> int | None:
    """Return the columns of the terminal that is written to, None if it is none: nothing is cut there."""
    return os.get_terminal_size(sys.stdout.fileno()).columns if sys.stdout.isatty() else None


def tree_lines(chain: ChainStatus, levels: tuple[LevelDetails, ...], *, width: int | None = None) -> list[str]:
    """Return the chain as an indented tree, its state first, harmless to a terminal.

    Within `width` columns it is indented less, and levels show less, so that no level needs two lines. `levels` are
    those of a branch, or all.
    """
    from inception.cli.branches import branch_of
    from inception.cli.output import state_text
    from inception.plan.engine.preloads import show_preload
    from inception.plan.engine.seeds import preloads_in
    from inception.plan.formats.text import printable

    lines = [f"{chain.name}: {state_text(chain)}, on {chain.plan.endpoint}"]
    lines += [f"  {remark}" for remark in chain.remarks]
    lines += [f"  preload {show_preload(it)}" for it in preloads_in(chain.plan.seeds)]
    first = levels[0].status.number if levels else 1
    shape = chain.plan.shape.branch(first)
    shown, step = _fitting(chain, shape, levels, width)
    for details, text in zip(levels, shown, strict=True):
        start, below = branch_of(shape, details.status.number - first + 1, step)
        lines.append(f"{start}{text}")
        lines += [f"{below}   container {container}" for container in details.containers or ()]
    return [printable(line) for line in lines]


def _fitting(
    chain: ChainStatus, shape: Shape, levels: tuple[LevelDetails, ...], width: int | None
) -> tuple[list[str], int]:
    """Return the text of each level and the columns that each is indented more than the one above."""
    from inception.cli.branches import BRANCH

    plan = chain.plan
    depths = [shape.depth(number) for number in range(1, len(levels) + 1)]
    for brief in (False, True):
        texts = [f"{plan.level(it.status.number)}  {_level_text(chain, it, brief=brief)}" for it in levels]
        widths = [len(BRANCH) + len(text) for text in texts]
        for step in range(_STEP, -1, -1):
            needed = max((step * (depth - 1) + each for depth, each in zip(depths, widths, strict=True)), default=0)
            if width is None or needed <= width:
                return texts, step
    return texts, 0


def _level_text(chain: ChainStatus, details: LevelDetails, *, brief: bool) -> str:
    """Return what is known of a level; a `brief` text leaves out what its plan says."""
    from inception.plan.formats.duration import show_duration
    from inception.plan.formats.size import show_size

    plan = chain.plan.level(details.status.number)
    engine = chain.plan.seed_of(plan.number)
    words = [
        str(details.status.state),
        f"engine {details.engine_version} {engine.store}" if details.engine_version and not brief else None,
        details.address,
        None if brief else f"{plan.pid_namespace} PIDs",
        None if brief else str(plan.storage.kind),
        f"up {show_duration(details.status.age_s)}" if details.status.age_s is not None else None,
        f"{show_size(details.memory)}" if details.memory is not None else None,
    ]
    return "  ".join(word for word in words if word)
