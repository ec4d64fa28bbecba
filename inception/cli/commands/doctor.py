"""`inception doctor`: check what a host offers, and estimate how deep a chain can go on it."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from inception.callbacks import ignore
from inception.cli import options
from inception.cli.output import say

if TYPE_CHECKING:
    from inception.probe.checks.check import Finding
    from inception.probe.doctor_facts import DoctorFacts

_FAILED = 1


def doctor(
    *,
    boot: Annotated[bool, typer.Option("--boot", help="Also boot one level, and unwind it again.")] = False,
    engine: options.EngineAddress = "auto",
    as_json: options.Json = False,
) -> None:
    """Check whether this host can nest engines. Exit with 1 if a check fails."""
    from inception.cli.doctor_report import print_report, print_report_json
    from inception.probe.checks import examine
    from inception.probe.checks.check import CheckStatus
    from inception.probe.depth_limit import depth_limits

    facts = _read_facts(engine)
    findings = examine(facts)
    if boot:
        findings = (*findings, _boot(engine))
    limits = depth_limits(facts.host, facts.limits) if facts.host and facts.limits else ()
    show = print_report_json if as_json else print_report
    show(findings, limits)
    if any(finding.status is CheckStatus.FAIL for finding in findings):
        raise typer.Exit(_FAILED)


def _read_facts(engine: str) -> DoctorFacts:
    from inception.engine.connect import connect_to
    from inception.engine.translate import translated
    from inception.errors import EngineUnreachable
    from inception.image.recipe import default_tag
    from inception.image.store import find_image
    from inception.places import run_root
    from inception.probe.read_doctor_facts import read_doctor_facts, read_machine_facts

    try:
        # Checks alone must not start an engine.
        with connect_to("host" if engine == "auto" else engine, ignore) as level_0, translated("examining the engine"):
            return read_doctor_facts(
                level_0.client,
                endpoint=level_0.endpoint,
                local=level_0.local,
                image_id=find_image(level_0.client, default_tag()) or "",
                run_root=str(run_root()),
            )
    except EngineUnreachable as silence:
        return read_machine_facts(silence.message)


def _boot(engine: str) -> Finding:
    """Boot one level and unwind it, which proves what the other checks only predict."""
    from inception.chain.interrupts import raising_interrupted
    from inception.chain.naming import generate_name
    from inception.chain.prepare import prepare
    from inception.chain.running import running
    from inception.engine.connect import connect_to
    from inception.engine.translate import translated
    from inception.errors import InceptionError, Interrupted
    from inception.image.recipe import default_tag
    from inception.plan.request import Request
    from inception.probe.checks.boot import booted, did_not_boot

    request = Request(depth=1, name=generate_name(), image=default_tag())
    try:
        with raising_interrupted(), connect_to(engine, say) as level_0:
            plan = prepare(level_0, request, say)
            begun_s = monotonic()
            with running(level_0.client, plan, ignore) as chain, translated("asking level 1"):
                version = chain.client_of(1).version()
                took_s = monotonic() - begun_s
        return booted(version["Version"], took_s)
    except Interrupted:
        raise
    except InceptionError as error:
        return did_not_boot(error.message, error.remedy)
