"""What a command has to say about its work: on standard error, apart from what it was asked for."""

from __future__ import annotations

import typer


def say(line: str) -> None:
    """Say one line."""
    typer.echo(f"inception: {line}", err=True)
