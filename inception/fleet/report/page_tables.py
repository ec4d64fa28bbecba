"""Tables of the page of a fleet: machines, limits, traits and changes, as cells that the template writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from inception.fleet.report.record import (
    FleetComparison,
    FleetReport,
    Machine,
    Trait,
    TraitGroup,
    count_of,
)
from inception.plan.formats.size import show_size
from inception.stress.report.charts import show_seconds
from inception.stress.report.costs import COSTS, Cost
from inception.stress.report.page_tables import Cell, Table, cells, show_or_dash
from inception.stress.report.record import Status

_SHOWN_COSTS = tuple(cost for cost in COSTS if cost.name in {"ready_s", "pss", "run_s"})
_MAX_NAMES = 5
"""Names of machines in a line; the others are counted."""
_TONES = {Status.REACHED: "good", Status.WALL: "warn", Status.STOPPED: "bad"}


def names_of(machines: Sequence[str]) -> str:
    """Return the first names, and how many others there are."""
    others = len(machines) - _MAX_NAMES
    return ", ".join(machines[:_MAX_NAMES]) + (f" and {count_of(others, 'other')}" if others > 0 else "")


def shower(cost: Cost) -> Callable[[float], str]:
    """Return the function that shows a value of `cost` for people."""
    return (lambda value: show_size(round(value))) if cost.unit == "B" else show_seconds


def machines_table(machines: Iterable[Machine]) -> Table:
    """Return a row for each of `machines`."""
    headings = (
        "machine", "verdict", "depth", *(cost.title for cost in _SHOWN_COSTS), "left behind", "took", "limit", "apart",
    )  # fmt: skip
    return Table(headings=headings, rows=tuple(map(_machine_row, machines)), left=len(headings) - 2)


def _machine_row(machine: Machine) -> tuple[Cell, ...]:
    wall = machine.wall
    where = "" if wall is None or wall.level is None else f", level {wall.level}"
    return (
        Cell(text=machine.name),
        Cell(text=machine.status, tone=_TONES[machine.status]),
        Cell(text=f"{machine.depth} of {machine.max_depth}"),
        *(_cost_cell(machine, cost) for cost in _SHOWN_COSTS),
        Cell(text=f"{len(machine.leaks)}", tone="bad", items=machine.leaks) if machine.leaks else Cell(text="0"),
        Cell(text=show_seconds(machine.seconds)),
        Cell(text="" if wall is None else f"{wall.title}{where}"),
        Cell(text="; ".join(machine.marks)),
    )


def _cost_cell(machine: Machine, cost: Cost) -> Cell:
    found = machine.costs.get(cost.name)
    return Cell(text=show_or_dash(found.middle if found else None, shower(cost)))


def walls_table(fleet: FleetReport) -> Table | None:
    """Return a row for each limit at each level, the most frequent first; None where no machine met one."""
    found: dict[tuple[str, int | None, str | None], list[Machine]] = {}
    for machine in fleet.machines:
        if machine.wall:
            found.setdefault((machine.wall.title, machine.wall.level, machine.wall.phase), []).append(machine)
    rows = tuple(
        cells(
            str(len(group)),
            "before level 1" if level is None else f"level {level}",
            title + (f", {phase}" if phase else ""),
            names_of([it.name for it in group]),
            group[0].wall.message if group[0].wall else "",
        )
        for (title, level, phase), group in sorted(found.items(), key=lambda item: -len(item[1]))
    )
    headings = ("machines", "where", "limit", "on", "message of the first")
    return Table(headings=headings, rows=rows, left=2) if rows else None


def trait_table(trait: Trait) -> Table:
    """Return a row for each group of a trait; costs are against all other machines, in bold beyond noise."""
    headings = (
        trait.title, "machines", "reached", "limit", "stopped", "leaking", "depth",
        *(cost.title for cost in _SHOWN_COSTS), "beyond chance",
    )  # fmt: skip
    return Table(headings=headings, rows=tuple(map(_group_row, trait.groups)), left=len(headings) - 1)


def _group_row(group: TraitGroup) -> tuple[Cell, ...]:
    low, middle, high = group.depths
    counts = (group.machines, group.reached, group.walls, group.stopped, group.leaking)
    return (
        *cells(group.value, *map(str, counts), f"{low}" if low == high else f"{low} to {high}, median {middle:g}"),
        *(_effect_cell(group, cost) for cost in _SHOWN_COSTS),
        Cell(text="; ".join(it.text for it in group.remarks)),
    )


def _effect_cell(group: TraitGroup, cost: Cost) -> Cell:
    found = group.effects.get(cost.name)
    if found is None:
        return Cell(text=show_or_dash(None, str))
    tone = ("bad" if found.ratio > 1 else "good") if found.is_beyond_noise else ""
    return Cell(text=f"× {found.ratio:.2f}", tone=tone)  # noqa: RUF001 the sign of multiplication


def differences_table(comparison: FleetComparison) -> Table:
    """Return a row for each number of the old fleet and of the new."""
    counted = (("machines", comparison.machines), ("reached", comparison.reached), ("leaking", comparison.leaking))
    costs = (
        (
            *cells(it.name, "", "", str(it.change.pairs), f"× {it.change.ratio:.2f}"),  # noqa: RUF001 the same
            Cell(text=it.verdict, tone={"worse": "bad", "better": "good"}.get(it.verdict, "")),
        )
        for it in comparison.differences
    )
    rows = (*(cells(name, str(old), str(new), "", "", "") for name, (old, new) in counted), *costs)
    return Table(headings=("", "before", "now", "in both", "now against before", "beyond noise"), rows=rows)


def changes_table(comparison: FleetComparison) -> Table | None:
    """Return a row for each machine that changed, those for the worse first; None where none did."""
    rows = tuple(
        (
            Cell(text=it.name),
            Cell(text="worse" if it.is_worse else "changed", tone="bad" if it.is_worse else ""),
            Cell(text="; ".join(it.lines)),
        )
        for it in comparison.changes
    )
    return Table(headings=("machine", "", "change"), rows=rows, left=2) if rows else None


def missing_table(fleet: FleetReport) -> Table | None:
    """Return a row for each machine without a report; None where all have one."""
    rows = tuple((Cell(text=it.name, tone="bad"), Cell(text=it.reason)) for it in fleet.missing)
    return Table(headings=("machine", "reason"), rows=rows, left=0) if rows else None
