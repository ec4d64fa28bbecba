"""`inception tree`: a chain level by level, as it is now."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inception.cli import options, selection

if TYPE_CHECKING:
    from inception.chain.inspect import LevelSight
    from inception.chain.status import ChainStatus

_AGAIN_S = 1.0


def tree(
    *,
    name: selection.ChainName = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again each second, until Ctrl-C.")] = False,
    as_json: options.Json = False,
) -> None:
    """Show the levels of a chain: engine, address, PID namespace, storage, age, memory, containers."""
    from inception.chain.inspect import look
    from inception.chain.status import find_chain
    from inception.cli.output import chain_fields, print_json

    chain = find_chain(name)
    if as_json:
        fields = chain_fields(chain)
        for level, sight in zip(fields["levels"], look(chain), strict=True):
            level.update(_sight_fields(chain, sight))
        print_json(fields)
    elif watch:
        _watch(chain)
    else:
        for line in tree_lines(chain, look(chain)):
            typer.echo(line)


def _watch(chain: ChainStatus) -> None:
    from rich.live import Live
    from rich.text import Text

    from inception.chain.inspect import look
    from inception.chain.status import find_chain
    from inception.errors import ChainError

    with Live(auto_refresh=False) as live:
        try:
            while True:
                live.update(Text("\n".join(tree_lines(chain, look(chain)))), refresh=True)
                time.sleep(_AGAIN_S)
                chain = find_chain(chain.name)
        except (KeyboardInterrupt, ChainError):
            return


def _sight_fields(chain: ChainStatus, sight: LevelSight) -> dict[str, Any]:
    plan = chain.plan.level(sight.status.number)
    return {
        "engine_version": sight.engine_version,
        "address": sight.address,
        "pid_namespace": plan.pid_namespace.value,
        "storage": plan.storage.kind.value,
        "memory": sight.memory,
        "containers": None if sight.containers is None else list(sight.containers),
    }


def tree_lines(chain: ChainStatus, sights: tuple[LevelSight, ...]) -> list[str]:
    """The chain as an indented tree, its condition first."""
    from inception.cli.output import condition_words

    lines = [f"{chain.name}: {condition_words(chain)}, on {chain.plan.endpoint}"]
    lines += [f"  {remark}" for remark in chain.remarks]
    for sight in sights:
        indent = "   " * (sight.status.number - 1)
        lines.append(f"{indent}└─ {sight.status.number}  {_level_words(chain, sight)}")
        lines += [f"{indent}      container {container}" for container in sight.containers or ()]
    return lines


def _level_words(chain: ChainStatus, sight: LevelSight) -> str:
    from inception.plan.duration import show_duration
    from inception.plan.size import show_size

    plan = chain.plan.level(sight.status.number)
    words = [
        str(sight.status.presence),
        f"engine {sight.engine_version}" if sight.engine_version else None,
        sight.address,
        f"{plan.pid_namespace} PIDs",
        str(plan.storage.kind),
        f"up {show_duration(sight.status.age_s)}" if sight.status.age_s is not None else None,
        f"{show_size(sight.memory)}" if sight.memory is not None else None,
    ]
    return "  ".join(word for word in words if word)
