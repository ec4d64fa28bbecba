"""`inception report DIR`: render a campaign's report again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    *,
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="What `inception stress --output` wrote.")],
    output: Annotated[Path | None, typer.Option(metavar="DIR", help="Write it elsewhere.")] = None,
    trace: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a trace that Perfetto and Chrome open.")
    ] = None,
) -> None:
    """Render a report again from its report.json: page, charts, tables."""
    from inception.stress.report.files import PAGE, read_report, write_report, write_trace

    found = read_report(directory)
    target = output or (directory if directory.is_dir() else directory.parent)
    write_report(found, target)
    if trace is not None:
        write_trace(found, trace)
    typer.echo(str(target / PAGE))
