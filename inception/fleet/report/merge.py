"""Merges the reports of many machines into one."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence

from inception.fleet.report.marks import marked
from inception.fleet.report.record import (
    FLEET_VERSION,
    FleetReport,
    Machine,
    MachineCost,
    MachineWall,
    MissingMachine,
)
from inception.fleet.report.traits import find_traits, traits_of
from inception.stress.report.costs import COSTS, by_level
from inception.stress.report.record import Report

_Levels = dict[int, float]
"""The value of a cost at each level."""
_MAX_NUMBER = 1e18
_LAST_YEAR = 250_000_000_000
"""Unix time that still has a date: the year 9892."""


def merge(reports: Mapping[str, Report], missing: Sequence[MissingMachine] = ()) -> FleetReport:
    """Return the report of the fleet whose machines' reports are given by the machines' names."""
    values = {
        name: {cost.name: found for cost in COSTS if (found := _positive(by_level(report.chains, cost)))}
        for name, report in reports.items()
    }
    middles = {cost.name: _middles([it[cost.name] for it in values.values() if cost.name in it]) for cost in COSTS}
    machines = [_machine(name, report, values[name], middles) for name, report in sorted(reports.items())]
    traits = find_traits(machines)
    return FleetReport(
        version=FLEET_VERSION,
        machines=marked(machines, traits),
        missing=tuple(sorted(missing, key=lambda it: it.name)),
        traits=traits,
    )


def check_numbers(report: Report) -> None:
    """Raise ValueError if a number of `report` cannot be one of a machine: machines of a fleet need not be trusted."""
    try:
        is_possible = report.begun < _LAST_YEAR and all(0 <= number < _MAX_NUMBER for number in _numbers(report))
    except OverflowError:
        is_possible = False
    if not is_possible:
        raise ValueError("a number in it is out of all bounds")


def _numbers(report: Report) -> Iterator[float]:
    """Yield each number of `report` that a fleet reads. Raises OverflowError for one that is no float."""
    where = report.environment
    yield from (report.begun, report.seconds, report.verdict.depth, report.campaign.max_depth, where.cpus, where.memory)
    for level in (level for chain in report.chains for level in chain.levels):
        yield level.number
        yield from (cost.of(level) or 0 for cost in COSTS)


def _positive(levels: _Levels) -> _Levels:
    return {number: value for number, value in levels.items() if value > 0}


def _middles(machines: Sequence[_Levels]) -> _Levels:
    """Return the median over all machines at each level."""
    found: dict[int, list[float]] = {}
    for levels in machines:
        for number, value in levels.items():
            found.setdefault(number, []).append(value)
    return {number: statistics.median(values) for number, values in found.items()}


def _machine(name: str, report: Report, values: Mapping[str, _Levels], middles: Mapping[str, _Levels]) -> Machine:
    wall = report.wall
    return Machine(
        name=name,
        begun=report.begun,
        seconds=report.seconds,
        ending=report.ending,
        status=report.verdict.status,
        headline=report.verdict.headline,
        depth=report.verdict.depth,
        max_depth=report.campaign.max_depth,
        cycles=len(report.cycles),
        kicked=sum(chain.kicked for chain in report.chains),
        findings=report.verdict.findings,
        leaks=report.leaks,
        wall=None
        if wall is None
        else MachineWall(cause=wall.cause, title=wall.title, level=wall.level, phase=wall.phase, message=wall.message),
        traits=traits_of(report),
        costs={cost: _cost(levels, middles[cost]) for cost, levels in values.items()},
    )


def _cost(levels: _Levels, middles: _Levels) -> MachineCost:
    # Level by level, since a machine that came deeper has levels that cost more.
    ratios = [math.log(value / middles[number]) for number, value in levels.items()]
    return MachineCost(
        middle=statistics.median(levels.values()),
        relative=math.exp(statistics.median(ratios)),
        levels=tuple(levels.items()),
    )
