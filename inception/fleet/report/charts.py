"""Makes the charts of a fleet: a line for each machine, and how deep they came."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence

from inception.fleet.report.record import FleetReport, Machine
from inception.stress.report.charts import LEVEL, axis_bytes, axis_seconds
from inception.stress.report.costs import COSTS, Cost
from inception.stress.report.record import Status
from inception.stress.report.svg import Axis, Chart, Series, bundle, stacked_bars

MAX_NAMED = 6
"""Machines with a line of their own colour: of a larger fleet those that lie furthest from the median."""
_MAX_POSITIONS = 64
"""Levels of a chart: of deeper chains every so many is drawn, so that a page of a thousand machines stays small."""
_MEDIAN = "median machine"
_TITLES = {
    "ready_s": "Time a level",
    "pss": "Memory a level",
    "disk": "Disk a level",
    "api_s": "An answer of each level's engine",
    "run_s": "A container at each level",
}
_STATUSES = {Status.STOPPED: "stopped before", Status.REACHED: "reached the depth", Status.WALL: "met a limit"}


def charts(fleet: FleetReport) -> tuple[Chart, ...]:
    """Return each chart for which the machines have the numbers."""
    return tuple(chart for chart in (_depths(fleet), *_costs(fleet)) if chart is not None)


def _depths(fleet: FleetReport) -> Chart | None:
    if not fleet.machines:
        return None
    depths = sorted({it.depth for it in fleet.machines})
    series = tuple(
        Series(
            name=title,
            values=tuple(float(sum(it.depth == at and it.status is status for it in fleet.machines)) for at in depths),
        )
        for status, title in _STATUSES.items()
    )
    marks = stacked_bars(
        positions=depths,
        series=series,
        across=Axis(title="greatest depth", show=lambda value: f"{value:g}"),
        up=Axis(title="machines", show=lambda value: f"{value:g}" if value.is_integer() else ""),
    )
    return Chart(
        name="depths", title="How deep the machines came", note="Machines by their deepest level.", marks=marks
    )


def _costs(fleet: FleetReport) -> Iterator[Chart | None]:
    for cost in COSTS:
        if cost.name != "api_s":  # Its milliseconds say little that a container's round trip does not say.
            yield _cost(fleet, cost)


def _cost(fleet: FleetReport, cost: Cost) -> Chart | None:
    machines = [it for it in fleet.machines if cost.name in it.costs]
    if not machines:
        return None
    levels = sorted({number for it in machines for number, _ in it.costs[cost.name].levels})
    every = math.ceil(len(levels) / _MAX_POSITIONS)
    positions = levels[::every]
    named = _named(machines, cost)
    threads = [it for it in machines if it not in named]
    series = [_series(it, cost, positions) for it in named]
    if threads:
        series.insert(0, _median(machines, cost, positions))
    marks = bundle(
        positions=positions,
        threads=[_series(it, cost, positions) for it in threads],
        series=series,
        across=LEVEL,
        up=Axis(title=cost.title, show=axis_bytes if cost.unit == "B" else axis_seconds),
    )
    note = "A line for each machine, medians over its chains"
    note += "; those in colour are named below." if threads else "."
    if every > 1:
        note += f" One level in {every} is shown."
    return Chart(name=cost.name, title=_TITLES[cost.name], note=note, marks=marks)


def _named(machines: Sequence[Machine], cost: Cost) -> list[Machine]:
    """Return the machines with lines of their own: all of a few, else those marked for this cost, furthest first."""
    if len(machines) <= MAX_NAMED:
        return list(machines)
    marked = [it for it in machines if any(mark.startswith(f"{cost.title} ") for mark in it.marks)]
    marked.sort(key=lambda it: -abs(math.log(it.costs[cost.name].relative)))
    return marked[:MAX_NAMED]


def _series(machine: Machine, cost: Cost, positions: Sequence[int]) -> Series:
    levels = dict(machine.costs[cost.name].levels)
    return Series(name=machine.name, values=tuple(map(levels.get, positions)))


def _median(machines: Sequence[Machine], cost: Cost, positions: Sequence[int]) -> Series:
    found: dict[int, list[float]] = {}
    for machine in machines:
        for number, value in machine.costs[cost.name].levels:
            found.setdefault(number, []).append(value)
    return Series(name=_MEDIAN, values=tuple(statistics.median(found[it]) for it in positions))
