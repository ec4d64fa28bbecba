"""`inception fleet`: a campaign on each node of a Docker Swarm, or of a Kubernetes cluster."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from inception.cli import options
from inception.cli.output import print_json, print_table, say, say_unless
from inception.errors import UsageError
from inception.fleet.fleets import NODE_SOCKET

if TYPE_CHECKING:
    from inception.fleet.fleets import Fleet, FleetJob, Scheduler
    from inception.stress.report.gates import Gates

app = typer.Typer(
    help="Run a campaign on each node of a Swarm or of a Kubernetes cluster, and bring one report home.",
    add_completion=False,
    rich_markup_mode=None,
)

_PASS_ON = {"ignore_unknown_options": True, "allow_extra_args": True}
"""Context settings of a command whose other options are those of `inception stress`."""
_OF_THE_CLIENT = frozenset(
    {
        "engine",
        "output",
        "trace",
        "compare",
        "matrix",
        "metrics",
        "otlp",
        "spec",
        "as_json",
        "fail_under",
        "fail_on_leak",
        "fail_on_regression",
    }
)
"""Parameters of `stress` that are no matter of a node."""


class On(StrEnum):
    """Kind of scheduler that runs a task on each node."""

    SWARM = "swarm"
    KUBERNETES = "kubernetes"


_On = Annotated[
    On, typer.Option("--on", help="Scheduler: the Swarm that the engine manages, or the cluster of KUBECONFIG.")
]
_Namespace = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Namespace in the cluster.  [default: the context's]", show_default=False),
]
_Image = Annotated[
    str, typer.Option("--client-image", metavar="IMAGE", help="Image of `inception image build --cli`, on each node.")
]
_Label = Annotated[
    list[str] | None,
    typer.Option(
        "--label", metavar="NAME=VALUE", help="Run on nodes with this label; may be repeated.", show_default=False),
]  # fmt: skip
_Wait = Annotated[
    str | None,
    typer.Option("--wait", metavar="TIME", help="Name nodes as late after TIME (2h), and go on without them."),
]
_Output = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Write there.  [default: fleet-NAME]", show_default=False)
]
_FailUnder = Annotated[int | None, typer.Option(metavar="DEPTH", help="Exit with 1 if a node came less deep.")]
_FailOnLeak = Annotated[bool, typer.Option("--fail-on-leak", help="Exit with 1 if anything was left behind on a node.")]
_Name = Annotated[
    str | None, typer.Argument(metavar="[NAME]", help="A fleet.  [default: the only one]", show_default=False)
]


@app.command(context_settings=_PASS_ON)
def run(
    *,
    context: typer.Context,
    on: _On = On.SWARM,
    namespace: _Namespace = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the fleet.  [default: random]", show_default=False)
    ] = None,
    client_image: _Image = "inception-cli:latest",
    label: _Label = None,
    nodes: Annotated[
        int | None,
        typer.Option(metavar="N", help="Nodes of the cluster.  [default: all that take pods]", show_default=False),
    ] = None,
    node_socket: Annotated[str, typer.Option(metavar="PATH", help="Socket of each node of the Swarm.")] = NODE_SOCKET,
    wait: _Wait = None,
    output: _Output = None,
    fail_under: _FailUnder = None,
    fail_on_leak: _FailOnLeak = False,
    detach: Annotated[bool, typer.Option("--detach", help="Do not follow it: see fleet collect.")] = False,
    engine: options.EngineAddress = "auto",
    quiet: options.Quiet = False,
) -> None:
    """Run `inception stress` with its options on each node, collect the reports, and remove the fleet.

    Nodes that are lost, late or refuse are named. A killed client leaves the fleet to `inception fleet collect`.
    """
    from inception.chain.interrupts import raising_interrupted
    from inception.chain.naming import generate_name
    from inception.fleet.collect import check_output
    from inception.fleet.fleets import FleetJob
    from inception.spec.options import seconds
    from inception.stress.report.gates import Gates

    gates = Gates(min_depth=fail_under, no_leaks=fail_on_leak)
    _check_arguments(context.args)
    job = FleetJob(
        name=name or f"fleet-{generate_name()}",
        image=client_image,
        arguments=tuple(context.args),
        labels=tuple(label or ()),
        socket=node_socket,
        nodes=nodes,
    )
    _check_job(job, on)
    wait_s = None if wait is None else seconds(wait)
    on_message = say_unless(quiet=quiet)
    with raising_interrupted(), _scheduler(on, engine, namespace, on_message) as scheduler:
        if detach:
            typer.echo(scheduler.create(job).name)
            return
        target = output or Path(f"fleet-{job.name}")
        check_output(target)
        fleet = scheduler.create(job)
        where = "" if on is On.SWARM else f" --on {on}"
        on_message(f"fleet {fleet.name}: if this client is killed, inception fleet collect {fleet.name}{where} goes on")
        status = _bring_home(scheduler, fleet, output=target, wait_s=wait_s, on_message=on_message, gates=gates)
    raise typer.Exit(status)


def _check_job(job: FleetJob, on: On) -> None:
    """Check the name, the labels and the number of nodes. Raises UsageError."""
    from inception.fleet.kubernetes import manifest
    from inception.fleet.swarm import service

    if on is On.KUBERNETES:
        manifest.check(job)
        return
    if job.nodes is not None:
        raise UsageError(
            "--nodes is for a cluster: a Swarm runs on all nodes", remedy="add --on kubernetes, or --label"
        )
    service.check(job)


@contextmanager
def _scheduler(on: On, engine: str, namespace: str | None, on_message: Callable[[str], None]) -> Iterator[Scheduler]:
    """Give the Swarm or the cluster. Raises UsageError and EngineError."""
    if on is On.KUBERNETES:
        from inception.fleet.kubernetes.cluster import open_cluster

        with open_cluster(namespace) as cluster:
            yield cluster
        return
    from inception.engine.connect import connect_to
    from inception.fleet.swarm.service import Swarm

    if namespace is not None:
        raise UsageError("--namespace is for a cluster", remedy="add --on kubernetes")
    with connect_to(engine, on_message) as level_0:
        yield Swarm(level_0.client)


def _check_arguments(arguments: list[str]) -> None:
    """Check the options of `stress`. Raises UsageError, and typer's errors."""
    from typer.main import get_command

    from inception.cli.main import app as program

    stress: Any = get_command(program).commands["stress"]  # type: ignore[attr-defined]
    context = stress.make_context("inception fleet run", list(arguments))
    for parameter in stress.params:
        given = context.get_parameter_source(parameter.name)
        if parameter.name in _OF_THE_CLIENT and given is not None and given.name == "COMMANDLINE":
            raise UsageError(
                f"{parameter.opts[0]} is no option of the nodes' campaigns", remedy="see inception fleet run --help"
            )


def _bring_home(
    scheduler: Scheduler,
    fleet: Fleet,
    *,
    output: Path,
    wait_s: float | None,
    on_message: Callable[[str], None],
    gates: Gates,
) -> int:
    """Follow `fleet` to its end, remove it, write and judge its report; return the exit status."""
    from inception.cli.commands.report import print_fleet
    from inception.errors import Interrupted
    from inception.fleet.collect import keep
    from inception.fleet.follow import Following
    from inception.fleet.report.files import PAGE
    from inception.fleet.report.gates import unmet_by_fleet

    try:
        states = Following(scheduler.reader(fleet), on_message=on_message, wait_s=wait_s).run()
    except (Interrupted, KeyboardInterrupt):
        on_message(f"removing the fleet {fleet.name}")
        scheduler.remove(fleet)
        raise
    merged = keep(states, output)
    scheduler.remove(fleet)
    print_fleet(merged)
    typer.echo(str(output / PAGE))
    unmet = list(unmet_by_fleet(gates, merged))
    if not merged.machines:
        unmet.append("no node sent a report")
    for line in unmet:
        say(f"requirement not met: {line}")
    return 1 if unmet else 0


@app.command()
def collect(
    *,
    name: _Name = None,
    on: _On = On.SWARM,
    namespace: _Namespace = None,
    wait: _Wait = None,
    output: _Output = None,
    fail_under: _FailUnder = None,
    fail_on_leak: _FailOnLeak = False,
    engine: options.EngineAddress = "auto",
    quiet: options.Quiet = False,
) -> None:
    """Follow a fleet that is running, whose client is gone: collect the reports, and remove it."""
    from inception.chain.interrupts import raising_interrupted
    from inception.fleet.collect import check_output
    from inception.fleet.fleets import choose
    from inception.spec.options import seconds
    from inception.stress.report.gates import Gates

    gates = Gates(min_depth=fail_under, no_leaks=fail_on_leak)
    wait_s = None if wait is None else seconds(wait)
    on_message = say_unless(quiet=quiet)
    with raising_interrupted(), _scheduler(on, engine, namespace, on_message) as scheduler:
        fleet = choose(scheduler.fleets(), name)
        target = output or Path(f"fleet-{fleet.name}")
        check_output(target)
        status = _bring_home(scheduler, fleet, output=target, wait_s=wait_s, on_message=on_message, gates=gates)
    raise typer.Exit(status)


@app.command("ls")
def list_(
    *,
    on: _On = On.SWARM,
    namespace: _Namespace = None,
    engine: options.EngineAddress = "auto",
    as_json: options.Json = False,
) -> None:
    """List the fleets of the Swarm that the engine manages, or of a cluster."""
    from dataclasses import asdict

    with _scheduler(on, engine, namespace, say) as scheduler:
        fleets = scheduler.fleets()
    if as_json:
        print_json([asdict(it) for it in fleets])
        return
    rows = ((it.name, it.created[:19], ", ".join(it.constraints) or "all", shlex.join(it.arguments)) for it in fleets)
    print_table([("NAME", "CREATED", "NODES", "OPTIONS"), *rows])


@app.command()
def down(
    *,
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", show_default=False)] = None,
    every: Annotated[bool, typer.Option("--all", help="Remove every fleet that is there.")] = False,
    on: _On = On.SWARM,
    namespace: _Namespace = None,
    engine: options.EngineAddress = "auto",
) -> None:
    """Remove fleets: their campaigns are interrupted and unwind, and their reports are lost."""
    from inception.chain.interrupts import raising_interrupted
    from inception.fleet.fleets import choose

    if bool(names) == every:
        raise UsageError("fleet down needs either names or --all", remedy="see inception fleet ls")
    with raising_interrupted(), _scheduler(on, engine, namespace, say) as scheduler:
        fleets = scheduler.fleets()
        for fleet in fleets if every else [choose(fleets, it) for it in names or ()]:
            scheduler.remove(fleet)
            typer.echo(fleet.name)


@app.command(context_settings=_PASS_ON)
def manifest(
    *,
    context: typer.Context,
    nodes: Annotated[int, typer.Option(metavar="N", help="Nodes that the campaign runs on, one pod each.")],
    name: Annotated[str, typer.Option(metavar="NAME", help="Name of the fleet and of its Job.")] = "fleet",
    client_image: _Image = "inception-cli:latest",
    label: _Label = None,
) -> None:
    """Print the manifest of a Kubernetes Job that runs `inception stress` with its options on N nodes.

    Its pods need no Docker on their nodes: each has an engine of its own. See fleet collect --on kubernetes.
    """
    from inception.fleet.fleets import FleetJob
    from inception.fleet.kubernetes import manifest as written

    _check_arguments(context.args)
    job = FleetJob(name=name, image=client_image, arguments=tuple(context.args), nodes=nodes, labels=tuple(label or ()))
    written.check(job)
    typer.echo(written.manifest(job), nl=False)


@app.command(context_settings=_PASS_ON)
def node(
    context: typer.Context,
    *,
    own_engine: Annotated[bool, typer.Option("--own-engine", help="Boot an engine in this container for it.")] = False,
) -> None:
    """Run `inception stress` with its options here, and print its report as lines of the log: a node's task."""
    import tempfile

    from inception.cli.main import run_arguments
    from inception.fleet.transport import to_lines
    from inception.stress.report.files import REPORT

    if own_engine:
        _run_beside_an_engine(["fleet", "node", *context.args])
    with tempfile.TemporaryDirectory(prefix="inception-") as directory:
        status = run_arguments(["stress", *context.args, "--output", directory])
        file = Path(directory) / REPORT
        text = file.read_text(encoding="utf-8") if file.exists() else ""
    # Where no campaign was begun the file is empty.
    for line in to_lines(text) if text else ():
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
    raise typer.Exit(status)


def _run_beside_an_engine(arguments: list[str]) -> NoReturn:
    """Become the program of the standalone image, which boots an engine in this container for `inception`."""
    import os

    import inception
    from inception.plan.protocol import Program

    modules = str(Path(inception.__file__).parents[1])
    command = [sys.executable, "-m", Program.STANDALONE, sys.executable, "-m", "inception", *arguments]
    sys.stderr.flush()
    os.execve(sys.executable, command, {**os.environ, "PYTHONPATH": modules})  # noqa: S606 no shell is wanted
