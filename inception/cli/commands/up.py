"""`inception up --depth N`: start a chain that runs until `inception down`, or until its --ttl is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from inception.chain.forwarding.forward import Exposure, Forward
from inception.cli import options
from inception.plan.light_dataclasses import replace
from inception.plan.request import Request
from inception.spec.options import LOOPBACK, seconds

if TYPE_CHECKING:
    from inception.chain.publishing.publish import Publication
    from inception.engine.connect import Engine
    from inception.plan.chain import ChainPlan


@options.with_chain_options()
def up(
    *,
    request: Request,
    carried: tuple[Forward | Exposure, ...],
    ttl: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Unwind the chain after this long: 90s, 45m, 2h.", show_default=False),
    ] = None,
    publish_engine: options.Published = None,
    publish_address: options.PublishAddress = LOOPBACK,
    tls_san: options.TlsNames = None,
    insecure_plaintext: options.Plaintext = False,
    engine: options.EngineAddress = "auto",
    quiet: options.Quiet = False,
) -> None:
    """Start a chain of N levels, leave it running, print its name."""
    from inception.chain.interrupts import raising_interrupted
    from inception.chain.prepare import prepare
    from inception.chain.publishing.publish import parse_publications
    from inception.chain.running import start_detached
    from inception.cli.drawing import draw
    from inception.engine.connect import connect_to
    from inception.errors import UsageError

    if request.depth == 0:
        raise UsageError("depth 0 is the host itself, which is up", remedy="ask for 1 level or more with --depth")
    detached = replace(request, attached=False, ttl_s=None if ttl is None else seconds(ttl))
    publications = parse_publications(
        publish_engine or (),
        address=publish_address,
        plain=insecure_plaintext,
        tls_names=tls_san or (),
        shape=request.shape,
    )
    with (
        raising_interrupted(),
        draw.descent(request.depth, quiet=quiet) as drawing,
        connect_to(engine, drawing.progress) as level_0,
    ):
        if publications or carried:
            _check_ports_stay(level_0)
        plan = prepare(level_0, detached, drawing.progress)
        start_detached(level_0.client, plan, drawing.show)
        _open_ports(level_0, plan, publications, carried)
    typer.echo(plan.name)


def _open_ports(
    level_0: Engine,
    plan: ChainPlan,
    publications: tuple[Publication, ...],
    carried: tuple[Forward | Exposure, ...],
) -> None:
    """Publish engines and carry ports of the running chain; if one cannot be, take the chain down and raise that."""
    from inception.chain.forwarding.start import start
    from inception.chain.publishing.publish import publish
    from inception.chain.teardown import take_down

    try:
        publish(plan, publications)
        for one in carried:
            start(plan, one)
    except BaseException:
        take_down(level_0.client, plan)
        raise


def _check_ports_stay(level_0: Engine) -> None:
    """Raise UsageError in a container that ends with this program: the processes that carry ports run there, too."""
    from inception.engine.translate import translated
    from inception.errors import UsageError
    from inception.probe.surroundings import container_ends_with_us

    with translated("looking for the container of this program"):
        ending = container_ends_with_us(level_0.client)
    if ending:
        raise UsageError(
            "the ports of the chain would close with this container, which ends with this command",
            remedy="run it in a container that stays, or attached, with: inception --depth N",
        )
