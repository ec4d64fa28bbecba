"""`inception stress`: descend until a limit stops the chain, and name the limit, the level and the evidence."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inception.cli import options
from inception.cli.output import say, say_unless
from inception.cli.report_outputs import Collector, MetricsFile, Output, TraceFile
from inception.cli.variables import variables_in_use
from inception.errors import UsageError
from inception.plan.request import Request
from inception.spec.options import seconds

if TYPE_CHECKING:
    from inception.stress.campaign import Campaign
    from inception.stress.report.gates import Gates
    from inception.stress.report.matrix import Matrix
    from inception.stress.report.record import Report


_DEPTH = 8
_FAILED = 1


_Cycles = Annotated[
    int | None, typer.Option(min=1, metavar="M", help="Descend and unwind M times: leaks and drift.  [default: 1]")
]
_Churn = Annotated[
    int, typer.Option(min=0, metavar="C", help="C short containers at each bottom, from several clients at once.")
]
_Soak = Annotated[
    str | None, typer.Option(metavar="TIME", help="Hold each chain for TIME (30m) with work in every level.")
]
_Chaos = Annotated[bool, typer.Option("--chaos", help="Kill a dockerd, containerd, runner or shim in each descent.")]
_Seed = Annotated[
    int | None, typer.Option(metavar="NUMBER", help="Repeat the kills of an earlier campaign.  [default: random]")
]
_Matrix = Annotated[
    str | None,
    typer.Option(
        metavar="TAG[=STORE],...",
        help="Run the campaign on each pair of these engines, one at level 1, one below; print a table.",
        show_default=False,
    ),
]
_FailOnRegression = Annotated[
    str | None, typer.Option(metavar="SHARE", help="With --compare: exit with 1 if a cost grew by more (20%).")
]


@options.with_chain_options(
    depth_flag="--max-depth", depth_help="Greatest depth, if no limit stops the chain before.", default_depth=_DEPTH
)
def stress(
    *,
    context: typer.Context,
    request: Request,
    cycles: _Cycles = None,
    chains: Annotated[int, typer.Option(min=1, metavar="W", help="W chains at once.")] = 1,
    churn: _Churn = 0,
    soak: _Soak = None,
    chaos: _Chaos = False,
    seed: _Seed = None,
    time_limit: Annotated[str | None, typer.Option(metavar="TIME", help="Stop after TIME (90s, 5m, 1h).")] = None,
    measure: Annotated[bool, typer.Option(help="Measure each level at the bottom.")] = True,
    matrix: _Matrix = None,
    output: Annotated[Path | None, typer.Option(metavar="DIR", help="Write the report's files there.")] = None,
    trace: TraceFile = None,
    metrics: MetricsFile = None,
    otlp: Collector = None,
    compare: Annotated[
        tuple[Path, Path] | None, typer.Option(metavar="OLD NEW", help="Run nothing: compare two reports.")
    ] = None,
    fail_under: Annotated[
        int | None, typer.Option(metavar="DEPTH", help="Exit with 1 if the chain came less deep.")
    ] = None,
    fail_on_leak: Annotated[
        bool, typer.Option("--fail-on-leak", help="Exit with 1 if anything was left behind.")
    ] = False,
    fail_on_regression: _FailOnRegression = None,
    engine: options.EngineAddress = "auto",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Descend to depth N or until a limit stops the chain, measure every level, and name the limit with evidence.

    A limit that was found is a success: the exit status is 0, or 1 if a requirement (--fail-...) is not met.
    """
    from inception.stress.report.gates import Gates

    regression = None if fail_on_regression is None else options.share(fail_on_regression)
    gates = Gates(min_depth=fail_under, no_leaks=fail_on_leak, regression=regression)
    if compare is not None:
        raise typer.Exit(_compare(*compare, gates))
    if regression is not None:
        raise UsageError("there is no report to compare with", remedy="use --fail-on-regression with --compare OLD NEW")
    campaign = _campaign(
        request, cycles=cycles, chains=chains, churn=churn, soak=soak, chaos=chaos, seed=seed, time_limit=time_limit,
        measure=measure,
    )  # fmt: skip
    command = _replay(campaign, variables_in_use(context))
    told = Output(directory=output, trace=trace, metrics=metrics, otlp=otlp, as_json=as_json)
    if matrix is not None:
        raise typer.Exit(_run_matrix(campaign, matrix, command, engine=engine, quiet=quiet, told=told, gates=gates))
    raise typer.Exit(_run(campaign, command, engine=engine, quiet=quiet, told=told, gates=gates))


def _campaign(
    request: Request,
    *,
    cycles: int | None,
    chains: int,
    churn: int,
    soak: str | None,
    chaos: bool,
    seed: int | None,
    time_limit: str | None,
    measure: bool,
) -> Campaign:
    import secrets

    from inception.stress.campaign import Campaign

    if seed is not None and not chaos:
        raise UsageError("--seed is for --chaos", remedy="give both, or neither")
    campaign = Campaign(
        request=request,
        # Chaos goes on for as long as there is time.
        cycles=cycles or (None if chaos and time_limit is not None else 1),
        chains=chains,
        churn=churn,
        soak_s=0.0 if soak is None else seconds(soak),
        chaos_seed=(secrets.randbelow(10**6) if seed is None else seed) if chaos else None,
        time_limit_s=None if time_limit is None else seconds(time_limit),
        measure=measure,
    )
    campaign.check()
    return campaign


def _run(campaign: Campaign, command: tuple[str, ...], *, engine: str, quiet: bool, told: Output, gates: Gates) -> int:
    """Run `campaign`, write its report and return the exit status. A refusal is written before it is raised."""
    from inception.chain.interrupts import raising_interrupted
    from inception.engine.connect import connect_to
    from inception.stress.report.gates import unmet_by_report
    from inception.stress.run import run_campaign

    told.check()
    on_message = say_unless(quiet=quiet)
    with raising_interrupted(), connect_to(engine, on_message) as level_0:
        done = run_campaign(level_0, campaign, command=command, on_message=on_message)
    told.write(done.report)
    if done.refusal is not None:
        raise done.refusal
    _print_verdict(done.report, as_json=told.as_json)
    told.send(done.report)
    done.raise_interruption()
    return _judge(list(unmet_by_report(gates, done.report)))


def _run_matrix(
    campaign: Campaign, text: str, command: tuple[str, ...], *, engine: str, quiet: bool, told: Output, gates: Gates
) -> int:
    """Run `campaign` on each pair of the engines in `text`, print their table, and return the exit status."""
    from inception.chain.interrupts import raising_interrupted
    from inception.chain.prepare import images_on
    from inception.engine.connect import connect_to
    from inception.image.recipe import default_tag
    from inception.stress.matrix import check_matrix, parse_matrix, run_matrix
    from inception.stress.report.files import MATRIX, make_directory, write_matrix
    from inception.stress.report.gates import unmet_by_matrix
    from inception.stress.run import CampaignRun, run_campaign

    engines = parse_matrix(text)
    check_matrix(campaign, default_image=default_tag())
    for option, value in (("--trace", told.trace), ("--metrics", told.metrics), ("--otlp", told.otlp)):
        if value is not None:
            raise UsageError(f"{option} is of one campaign, and --matrix makes several", remedy="leave one of them out")
    if told.directory is not None:
        make_directory(told.directory, MATRIX)
    on_message = say_unless(quiet=quiet)
    with raising_interrupted(), connect_to(engine, on_message) as level_0:

        def run(pair: Campaign, name: str) -> CampaignRun:
            done = run_campaign(level_0, pair, command=command, on_message=on_message)
            Output(directory=told.directory and told.directory / name).write(done.report)
            return done

        images = images_on(level_0, list(dict.fromkeys(it.image for it in engines)))
        versions = {it.name: it.engine_version for it in images}
        done = run_matrix(campaign, engines, versions, run=run, command=command, on_message=on_message)
    if told.directory is not None:
        write_matrix(done.matrix, told.directory)
    _print_matrix(done.matrix, as_json=told.as_json)
    if done.interruption is not None:
        raise done.interruption
    return _judge(list(unmet_by_matrix(gates, done.matrix)))


def _replay(campaign: Campaign, variables: list[str]) -> tuple[str, ...]:
    """Return the command that repeats the campaign, with the `variables` of its options, and a random seed."""
    command = (*(("env", *variables) if variables else ()), "inception", *sys.argv[1:])
    given = any(word.partition("=")[0] in {"--seed", "INCEPTION_SEED"} for word in command)
    return command if campaign.chaos_seed is None or given else (*command, "--seed", str(campaign.chaos_seed))


def _print_matrix(matrix: Matrix, *, as_json: bool) -> None:
    from inception.cli.output import echo, print_table
    from inception.stress.report.matrix import matrix_causes, matrix_rows

    if as_json:
        typer.echo(matrix.to_json(), nl=False)
        return
    print_table(matrix_rows(matrix))
    for line in matrix_causes(matrix):
        echo(line)


def _print_verdict(report: Report, *, as_json: bool) -> None:
    from inception.cli.output import echo

    if as_json:
        typer.echo(report.to_json(), nl=False)
        return
    echo(report.verdict.headline)
    if report.wall is not None:
        for line in (*report.wall.evidence, f"remedy: {report.wall.remedy}"):
            echo(f"  {line}")
    for finding in report.verdict.findings:
        echo(f"  {finding}")
    for leak in report.leaks:
        echo(f"  left behind: {leak}")


def _compare(old: Path, new: Path, gates: Gates) -> int:
    from inception.cli.tables import comparison_table
    from inception.stress.report.compare import compare
    from inception.stress.report.files import read_report
    from inception.stress.report.gates import unmet_by_comparison

    comparison = compare(read_report(old), read_report(new))
    comparison_table(comparison)
    return _judge(list(unmet_by_comparison(gates, comparison)))


def _judge(unmet: list[str]) -> int:
    """Print the requirements that are not met, and return the exit status."""
    for line in unmet:
        say(f"requirement not met: {line}")
    return _FAILED if unmet else 0
