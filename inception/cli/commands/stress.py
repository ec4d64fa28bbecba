"""`inception stress`: descend until a limit stops the chain, and name the limit, the level and the evidence."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inception.cli import options
from inception.cli.output import say, say_unless
from inception.cli.variables import variables_in_use
from inception.errors import PlanError, UsageError
from inception.plan.request import Request

if TYPE_CHECKING:
    from inception.stress.campaign import Campaign
    from inception.stress.report.gates import Gates
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
    output: Annotated[Path | None, typer.Option(metavar="DIR", help="Write the report's files there.")] = None,
    trace: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a trace that Perfetto and Chrome open.")
    ] = None,
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
    raise typer.Exit(_run(campaign, command, engine=engine, quiet=quiet, output=output, trace=trace, gates=gates))


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
        soak_s=0.0 if soak is None else options.seconds(soak),
        chaos_seed=(secrets.randbelow(10**6) if seed is None else seed) if chaos else None,
        time_limit_s=None if time_limit is None else options.seconds(time_limit),
        measure=measure,
    )
    campaign.check()
    return campaign


def _run(
    campaign: Campaign,
    command: tuple[str, ...],
    *,
    engine: str,
    quiet: bool,
    output: Path | None,
    trace: Path | None,
    gates: Gates,
) -> int:
    """Run `campaign`, write its report and return the exit status. A refusal is written before it is raised."""
    import time

    from inception.chain.interrupts import raising_interrupted
    from inception.chain.prepare import facts_on, images_on, prepare
    from inception.engine.connect import connect_to
    from inception.stress.assemble import assemble, assemble_refusal, environment_of, level_engines
    from inception.stress.execute import Execution
    from inception.stress.report.files import make_directory
    from inception.stress.report.gates import unmet_by_report

    if output is not None:
        make_directory(output)
    on_message = say_unless(quiet=quiet)
    begun = time.time()
    with raising_interrupted(), connect_to(engine, on_message) as level_0:
        try:
            plan = prepare(level_0, campaign.request, on_message)
        except PlanError as refused:
            where = environment_of(facts_on(level_0, ()), campaign.request.image)
            _write(assemble_refusal(campaign, where, refused, begun=begun, command=command), output, trace)
            raise
        facts = facts_on(level_0, images_on(level_0, campaign.request.images), plan.seeds)
        where = environment_of(facts, plan.level(1).image, level_engines(plan))
        outcome = Execution(level_0, campaign, facts=facts, on_message=on_message).run()
    report = assemble(campaign, where, outcome, begun=begun, command=command)
    _write(report, output, trace)
    _print_verdict(report)
    if outcome.interruption is not None:
        raise outcome.interruption
    return _judge(list(unmet_by_report(gates, report)))


def _replay(campaign: Campaign, variables: list[str]) -> tuple[str, ...]:
    """Return the command that repeats the campaign, with the `variables` of its options, and a random seed."""
    command = (*(("env", *variables) if variables else ()), "inception", *sys.argv[1:])
    given = any(word.partition("=")[0] in {"--seed", "INCEPTION_SEED"} for word in command)
    return command if campaign.chaos_seed is None or given else (*command, "--seed", str(campaign.chaos_seed))


def _write(report: Report, output: Path | None, trace: Path | None) -> None:
    from inception.stress.report.files import write_report, write_trace

    if output is not None:
        write_report(report, output)
    if trace is not None:
        write_trace(report, trace)


def _print_verdict(report: Report) -> None:
    from inception.cli.output import echo

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
