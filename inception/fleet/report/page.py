"""A fleet as one page of HTML that needs nothing else: no network, no script, light or dark as the reader's system is.

The results come first, then what stands out, the comparison, the charts, what differs between the machines, and the
machines themselves, those that stand out before the others. The template `fleet.html` writes and escapes the values.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from inception.fleet.report.charts import charts
from inception.fleet.report.page_tables import (
    changes_table,
    differences_table,
    machines_table,
    missing_table,
    names_of,
    shower,
    trait_table,
    walls_table,
)
from inception.fleet.report.record import FleetReport, Machine, count_of
from inception.stress.report.costs import COSTS
from inception.stress.report.page_tables import show_or_dash
from inception.stress.report.record import Status
from inception.stress.report.rendering import render
from inception.stress.report.svg import DARK, HEIGHT, LIGHT, WIDTH

_MAX_OPEN_ROWS = 40
"""A table with more rows is folded."""
_MAX_OPEN_TRAITS = 6
_MAX_FINDINGS = 12


def page(fleet: FleetReport) -> str:
    """Return the whole page."""
    apart = sorted(filter(_stands_out, fleet.machines), key=_trouble)
    ordinary = sorted((it for it in fleet.machines if not _stands_out(it)), key=_trouble)
    found = list(findings(fleet))
    comparison = fleet.comparison
    return render(
        "fleet.html",
        package="inception.fleet.report",
        fleet=fleet,
        tone=_tone(fleet),
        badge=_badge(fleet),
        when=_when(fleet.machines),
        tiles=_tiles(fleet),
        findings=found[:_MAX_FINDINGS],
        more_findings=found[_MAX_FINDINGS:],
        comparison=comparison,
        differences=comparison and differences_table(comparison),
        changes=comparison and changes_table(comparison),
        charts=charts(fleet),
        traits=[(trait, trait_table(trait)) for trait in fleet.traits],
        open_traits=_MAX_OPEN_TRAITS,
        common=_common_traits(fleet.machines),
        walls=walls_table(fleet),
        apart=machines_table(apart) if apart else None,
        ordinary=machines_table(ordinary) if ordinary else None,
        missing=missing_table(fleet),
        names_of=names_of,
        max_open=_MAX_OPEN_ROWS,
        width=WIDTH,
        height=HEIGHT,
        light=LIGHT,
        dark=DARK,
    )


def findings(fleet: FleetReport) -> Iterator[str]:
    """Yield a line for each thing that needs attention, the gravest first."""
    if fleet.missing:
        yield f"no report of {names_of([it.name for it in fleet.missing])}"
    if fleet.leaking:
        yield f"something was left behind on {names_of([it.name for it in fleet.leaking])}"
    if kicked := [it.name for it in fleet.machines if it.kicked]:
        yield f"chains had to be kicked on {names_of(kicked)}"
    for trait in fleet.traits:
        for group in trait.groups:
            if worse := [it.text for it in group.remarks if it.is_worse]:
                yield f"{trait.title} {group.value}: {'; '.join(worse)}"


def _stands_out(machine: Machine) -> bool:
    return bool(machine.marks) or machine.status is Status.STOPPED


def _trouble(machine: Machine) -> tuple[bool, bool, int]:
    return (not machine.leaks, machine.status is Status.REACHED, -len(machine.marks))


def _tone(fleet: FleetReport) -> str:
    if fleet.missing or fleet.leaking:
        return "troubled"
    if any(it.status is Status.STOPPED for it in fleet.machines):
        return "stopped"
    return "wall" if any(it.status is Status.WALL for it in fleet.machines) else "reached"


def _badge(fleet: FleetReport) -> str:
    apart = sum(map(_stands_out, fleet.machines))
    return f"fleet · {count_of(apart, 'machine')} apart" if apart else "fleet"


def _when(machines: Sequence[Machine]) -> str:
    if not machines:
        return ""
    begun, ended = min(it.begun for it in machines), max(it.begun + it.seconds for it in machines)
    first, last = (datetime.fromtimestamp(it, tz=UTC).strftime("%Y-%m-%d %H:%M UTC") for it in (begun, ended))
    return first if first == last else f"{first} to {last}"


def _tiles(fleet: FleetReport) -> tuple[tuple[str, str], ...]:
    """Return the value and the name of each tile."""
    machines = fleet.machines
    counts = [(sum(it.status is status for it in machines), status) for status in Status]
    depths = [it.depth for it in machines]
    return (
        (f"{len(machines) + len(fleet.missing):,}", "machines"),
        *((f"{count:,}", {"wall": "met a limit"}.get(status, status)) for count, status in counts),
        (f"{len(fleet.missing):,}", "without a report"),
        (f"{len(fleet.leaking):,}", "leaking"),
        (_range(depths), "levels deep"),
        *((_middle(machines, name), f"{title} a level") for name, title in (("ready_s", "time"), ("pss", "memory"))),
    )


def _range(values: Sequence[int]) -> str:
    if not values:
        return show_or_dash(None, str)
    return f"{min(values)}" if min(values) == max(values) else f"{min(values)} to {max(values)}"


def _middle(machines: Sequence[Machine], name: str) -> str:
    cost = next(it for it in COSTS if it.name == name)
    values = [it.costs[name].middle for it in machines if name in it.costs]
    return show_or_dash(statistics.median(values) if values else None, shower(cost))


def _common_traits(machines: Sequence[Machine]) -> tuple[tuple[str, str], ...]:
    """Return the name and the value of each trait that all machines share."""
    shared = dict(machines[0].traits) if machines else {}
    for machine in machines:
        shared = {name: value for name, value in shared.items() if machine.traits[name] == value}
    return tuple(shared.items())
