"""Put the commands for chains into the command line; each is in a file of its own."""

from __future__ import annotations

import typer

from inception.cli.commands import context, cp, down, env, grow, logs, ls, prune, tree, up
from inception.cli.commands.exec import exec_, shell
from inception.cli.selection import CommandWithTrailing


def add_commands(app: typer.Typer) -> None:
    """Give `app` every command that makes, shows, reaches, changes or ends chains."""
    app.command()(up.up)
    app.command()(ls.ls)
    app.command("exec", cls=CommandWithTrailing)(exec_)
    app.command()(shell)
    app.command()(logs.logs)
    app.command()(env.env)
    app.command()(cp.cp)
    app.command()(tree.tree)
    # `-2` is an amount, no option.
    app.command(context_settings={"ignore_unknown_options": True})(grow.grow)
    app.command(context_settings={"ignore_unknown_options": True})(grow.shrink)
    app.command()(down.down)
    app.command()(down.kick)
    app.command()(prune.prune)
    app.add_typer(context.app, name="context")
