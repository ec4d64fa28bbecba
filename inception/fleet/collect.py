"""Keeps what the nodes of a fleet sent: a directory for each, and one report of all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from inception.errors import InceptionError, UsageError
from inception.fleet.nodes import NodeState
from inception.fleet.report.files import REASON, write_fleet
from inception.fleet.report.merge import check_numbers, merge
from inception.fleet.report.record import FleetReport, MissingMachine
from inception.stress.report.files import REPORT
from inception.stress.report.record import Report

_LOG = "log.txt"


def check_output(directory: Path) -> None:
    """Create `directory`, and check that it is empty. Raises UsageError."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        is_empty = not any(directory.iterdir())
    except OSError as error:
        raise UsageError(f"cannot write to {directory}: {error.strerror}", remedy="name another --output") from error
    if not is_empty:
        raise UsageError(f"{directory} is not empty", remedy="name another --output")


def keep(states: Iterable[NodeState], directory: Path) -> FleetReport:
    """Write each node's report.json, or the reason why there is none, and its log; then the report of all.

    Raises InceptionError.
    """
    reports, missing = {}, []
    try:
        for state in states:
            place = directory / state.name
            place.mkdir(parents=True, exist_ok=True)
            (place / _LOG).write_text("".join(f"{line}\n" for line in state.log), encoding="utf-8")
            try:
                report = Report.from_json(state.report or "")
                check_numbers(report)
                reports[state.name] = report
                (place / REPORT).write_text(state.report or "", encoding="utf-8")
            except ValueError as error:
                reason = (
                    f"{state.phase}: {state.line}" if state.report is None else f"what it sent is no report: {error}"
                )
                missing.append(MissingMachine(name=state.name, reason=reason))
                (place / REASON).write_text(f"{reason}\n", encoding="utf-8")
    except OSError as error:
        raise InceptionError(
            f"cannot write to {directory}: {error.strerror}", remedy="name another --output"
        ) from error
    fleet = merge(reports, missing)
    write_fleet(fleet, directory)
    return fleet
