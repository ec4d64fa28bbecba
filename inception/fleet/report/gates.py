"""Checks the requirements of a pipeline on a fleet."""

from __future__ import annotations

from collections.abc import Iterator

from inception.fleet.report.page_tables import names_of
from inception.fleet.report.record import FleetReport
from inception.stress.report.gates import Gates, regressions


def unmet_by_fleet(gates: Gates, fleet: FleetReport) -> Iterator[str]:
    """Yield a line for each requirement that machines of `fleet` do not meet, with their names."""
    if gates.min_depth is not None:
        shallow = [it.name for it in fleet.machines if it.depth < gates.min_depth]
        if shallow:
            yield f"depth under {gates.min_depth} on {names_of(shallow)}"
    if gates.no_leaks:
        if fleet.leaking:
            yield f"something left behind on {names_of([it.name for it in fleet.leaking])}"
        if kicked := [it.name for it in fleet.machines if it.kicked]:
            yield f"chains had to be kicked on {names_of(kicked)}"
    if gates.regression is not None and fleet.comparison is not None:
        if worse := [it.name for it in fleet.comparison.changes if it.is_worse]:
            yield f"worse than before on {names_of(worse)}"
        yield from regressions(gates.regression, fleet.comparison.differences)
