"""`inception --depth N [-- COMMAND]`: descend, run a shell or a command at the bottom, and unwind."""

from __future__ import annotations

from typing import Annotated

import typer

from inception.chain.forwarding.forward import Exposure, Forward
from inception.chain.session.exec_options import ExecOptions
from inception.cli import options
from inception.cli.exec_options import with_exec_options
from inception.plan.request import Request
from inception.spec.options import LOOPBACK

_Shells = Annotated[
    bool,
    typer.Option(
        "--shells", help="Give a shell at each level: exit unwinds the level, and a shell in the one above follows."
    ),
]
_JsonEvents = Annotated[
    str | None, typer.Option(metavar="FILE", help="Write each event to FILE, one JSON object a line.")
]


@options.with_chain_options()
@with_exec_options
def run(
    *,
    request: Request,
    carried: tuple[Forward | Exposure, ...],
    exec_options: ExecOptions,
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- COMMAND...]", help="Command to run at the bottom.  [default: a shell]"),
    ] = None,
    shells: _Shells = False,
    publish_engine: options.Published = None,
    publish_address: options.PublishAddress = LOOPBACK,
    tls_san: options.TlsNames = None,
    insecure_plaintext: options.Plaintext = False,
    engine: options.EngineAddress = "auto",
    quiet: options.Quiet = False,
    json_events: _JsonEvents = None,
) -> None:
    """Descend N levels, run a shell or COMMAND there, and unwind.

    Exit with the status of the shell or of COMMAND.
    """
    from inception.chain.publishing.publish import parse_publications
    from inception.cli.descent import run_at_depth
    from inception.errors import UsageError

    if shells and command:
        raise UsageError("--shells and a command exclude each other", remedy="leave out one of the two")
    if not request.shape.is_line:
        raise UsageError(
            "a tree has several bottoms, and a job runs at one", remedy="start it with `inception up`, and use `exec`"
        )
    publications = parse_publications(
        publish_engine or (),
        address=publish_address,
        plain=insecure_plaintext,
        tls_names=tls_san or (),
        shape=request.shape,
    )
    status = run_at_depth(
        request,
        command or None,
        exec_options,
        engine=engine,
        quiet=quiet,
        json_events=json_events,
        climb=shells,
        publications=publications,
        carried=carried,
    )
    raise typer.Exit(status)
