"""The commands for chains that are there: each in its own file, all put into the command line here."""

from __future__ import annotations

import typer

from inception.cli import change, context, copying, down, env, inside, logs, ls, prune, tree, up
from inception.cli.selection import CommandBehind


def add_commands(app: typer.Typer) -> None:
    """Give `app` every command that makes, shows, reaches, changes or ends chains."""
    app.command()(up.up)
    app.command()(ls.ls)
    app.command("exec", cls=CommandBehind)(inside.exec_)
    app.command()(inside.shell)
    app.command()(logs.logs)
    app.command()(env.env)
    app.command()(copying.cp)
    app.command()(tree.tree)
    # `-2` is an amount, no option.
    app.command(context_settings={"ignore_unknown_options": True})(change.grow)
    app.command(context_settings={"ignore_unknown_options": True})(change.shrink)
    app.command()(down.down)
    app.command()(down.kick)
    app.command()(prune.prune)
    app.add_typer(context.app, name="context")
