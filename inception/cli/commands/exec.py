"""`inception exec` and `inception shell`: run a command or a shell in a level of a running chain."""

from __future__ import annotations

from functools import partial

import typer

from inception.callbacks import ignore
from inception.chain.session.exec_options import ExecOptions
from inception.cli import selection
from inception.cli.exec_options import with_exec_options


@with_exec_options
def exec_(
    *,
    context: typer.Context,
    name: selection.LevelPath = None,
    level: selection.Level = None,
    exec_options: ExecOptions,
) -> None:
    """Run a command in a level: exec [NAME] [--level K] -- COMMAND.

    Exit with its status.
    """
    from inception.errors import UsageError

    command = selection.trailing_command(context)
    if not command:
        raise UsageError("exec needs a command after --", remedy="for instance: inception exec -- docker ps")
    raise typer.Exit(_session(name, level, command, exec_options))


@with_exec_options
def shell(
    *,
    name: selection.LevelPath = None,
    level: selection.Level = None,
    exec_options: ExecOptions,
) -> None:
    """Open a shell in a level."""
    raise typer.Exit(_session(name, level, None, exec_options))


def _session(name: str | None, level: int | None, command: list[str] | None, options: ExecOptions) -> int:
    from inception.chain.level_engines import level_0_engine
    from inception.chain.level_paths import find_live_level
    from inception.chain.session.shells import Kicked, Shells
    from inception.chain.teardown import remove_at_once
    from inception.cli.drawing import draw

    chain, number = find_live_level(name, level)
    shells = Shells(chain.plan, on_change=ignore, draw=partial(draw.descent, quiet=False))
    try:
        with shells.open():
            return shells.run(number, command, options)
    except Kicked:
        with level_0_engine(chain.plan, ignore) as engine:
            remove_at_once(engine.client, chain.plan)
        return 0
