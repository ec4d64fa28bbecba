"""`inception report DIR`: render a campaign's report again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inception.cli.output import print_json
from inception.errors import UsageError


def report(
    *,
    directory: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="Directory that `inception stress --output` wrote.")
    ] = None,
    output: Annotated[Path | None, typer.Option(metavar="DIR", help="Write it elsewhere.")] = None,
    trace: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a trace that Perfetto and Chrome open.")
    ] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON schema of report.json.")] = False,
) -> None:
    """Render a report again from its report.json: page, charts, tables."""
    from inception.stress.report.files import PAGE, read_report, write_report, write_trace
    from inception.stress.report.record import Report

    if schema:
        print_json(Report.json_schema())
        return
    if directory is None:
        raise UsageError("no report is named", remedy="name the directory that `inception stress --output` wrote")
    found = read_report(directory)
    target = output or (directory if directory.is_dir() else directory.parent)
    write_report(found, target)
    if trace is not None:
        write_trace(found, trace)
    typer.echo(str(target / PAGE))
