"""`inception report DIR` and `inception report merge DIR...`: render a report again, or merge those of a fleet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from inception.cli.output import echo, print_json, say
from inception.cli.report_outputs import Collector, MetricsFile, Output, TraceFile
from inception.errors import UsageError

if TYPE_CHECKING:
    from inception.fleet.report.record import FleetReport

_FAILED = 1
_MAX_CHANGES = 20
"""Changed machines that are printed; the page has all."""


class DefaultRenderGroup(TyperGroup):
    """The commands of `report`: `inception report DIR` means `inception report render DIR`."""

    default_command = "render"

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 typer does not export the type
        """Parse `args`, with the default command put in where none is named."""
        if not args or args[0] not in {*self.commands, "--help", "--verbose"}:
            args = [self.default_command, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=DefaultRenderGroup,
    help="Render a campaign's report again, or merge those of many machines. `report DIR` is `report render DIR`.",
    add_completion=False,
    rich_markup_mode=None,
)


@app.command()
def render(
    *,
    directory: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="Directory that `inception stress --output` wrote.")
    ] = None,
    output: Annotated[Path | None, typer.Option(metavar="DIR", help="Write it elsewhere.")] = None,
    trace: TraceFile = None,
    metrics: MetricsFile = None,
    otlp: Collector = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON schema of report.json.")] = False,
) -> None:
    """Render a report again from its report.json: page, charts, tables."""
    from inception.stress.report.files import PAGE, read_report
    from inception.stress.report.record import Report

    if schema:
        print_json(Report.json_schema())
        return
    if directory is None:
        raise UsageError("no report is named", remedy="name the directory that `inception stress --output` wrote")
    found = read_report(directory)
    target = output or (directory if directory.is_dir() else directory.parent)
    outputs = Output(directory=target, trace=trace, metrics=metrics, otlp=otlp)
    outputs.check()
    outputs.write(found)
    typer.echo(str(target / PAGE))
    outputs.send(found)


@app.command()
def merge(
    *,
    directories: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="DIR...", help="Reports, one a machine, or directories that hold them.", show_default=False
        ),
    ] = None,
    output: Annotated[Path, typer.Option(metavar="DIR", help="Write fleet.json and fleet.html there.")] = Path("fleet"),
    compare: Annotated[
        Path | None, typer.Option(metavar="OLD", help="Set it against an earlier fleet.json, or its directory.")
    ] = None,
    fail_under: Annotated[
        int | None, typer.Option(metavar="DEPTH", help="Exit with 1 if a machine came less deep.")
    ] = None,
    fail_on_leak: Annotated[
        bool, typer.Option("--fail-on-leak", help="Exit with 1 if anything was left behind on a machine.")
    ] = False,
    fail_on_regression: Annotated[
        str | None,
        typer.Option(
            metavar="SHARE", help="With --compare: exit with 1 if a machine got worse, or a cost grew by more."
        ),
    ] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON schema of fleet.json.")] = False,
) -> None:
    """Merge the reports of many machines into one: a page, and fleet.json.

    A machine whose report cannot be read is named, and the others count.
    """
    from inception.cli.options import share
    from inception.fleet.report.files import PAGE, write_fleet
    from inception.fleet.report.gates import unmet_by_fleet
    from inception.fleet.report.record import FleetReport
    from inception.stress.report.gates import Gates

    if schema:
        print_json(FleetReport.json_schema())
        return
    if not directories:
        raise UsageError("no report is named", remedy="name the directories of reports, one a machine")
    if fail_on_regression is not None and compare is None:
        raise UsageError("there is no fleet to compare with", remedy="use --fail-on-regression with --compare OLD")
    regression = None if fail_on_regression is None else share(fail_on_regression)
    fleet = _read_and_merge(directories, compare)
    write_fleet(fleet, output)
    print_fleet(fleet)
    typer.echo(str(output / PAGE))
    unmet = list(unmet_by_fleet(Gates(min_depth=fail_under, no_leaks=fail_on_leak, regression=regression), fleet))
    for line in unmet:
        say(f"requirement not met: {line}")
    if unmet:
        raise typer.Exit(_FAILED)


def _read_and_merge(directories: Sequence[Path], earlier: Path | None) -> FleetReport:
    """Return the fleet of the machines' reports, set against the `earlier` one if there is one. Raises UsageError."""
    from inception.fleet.report.compare import compare_fleets
    from inception.fleet.report.files import read_fleet, read_machines
    from inception.fleet.report.merge import merge as merge_reports
    from inception.plan.light_dataclasses import replace

    before = None if earlier is None else read_fleet(earlier)
    found = read_machines(directories)
    fleet = merge_reports(found.reports, found.missing)
    return fleet if before is None else replace(fleet, comparison=compare_fleets(before, fleet))


def print_fleet(fleet: FleetReport) -> None:
    """Print the results of a fleet, what stands out, and the machines without a report."""
    from inception.fleet.report.page import findings

    echo(fleet.headline)
    for machine in fleet.missing:
        echo(f"  {machine.name}: {machine.reason}")
    for line in findings(fleet):
        echo(f"  {line}")
    changes = fleet.comparison.changes if fleet.comparison else ()
    for change in changes[:_MAX_CHANGES]:
        echo(f"  {change.name}: {'; '.join(change.lines)}")
    if len(changes) > _MAX_CHANGES:
        echo(f"  {len(changes) - _MAX_CHANGES} more machines changed")
