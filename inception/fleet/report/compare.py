"""Compares two fleets, machine by machine."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping

from inception.fleet.report.contrast import outliers
from inception.fleet.report.record import FleetComparison, FleetReport, Machine, MachineChange
from inception.stress.report.compare import Difference
from inception.stress.report.costs import COSTS
from inception.stress.report.record import Status
from inception.stress.report.trend import compare_pairs

_RANKS = {Status.REACHED: 0, Status.WALL: 1, Status.STOPPED: 1}


def compare_fleets(old: FleetReport, new: FleetReport) -> FleetComparison:
    """Compare two fleets: machines of the same name, at the levels that both reports have."""
    before, after = ({it.name: it for it in fleet.machines} for fleet in (old, new))
    common = sorted(before.keys() & after.keys())
    ratios = {cost.name: _ratios(before, after, common, cost.name) for cost in COSTS}
    # A machine's two runs differ by chance: by how much, the whole fleet shows.
    moved = {cost: outliers({name: math.log(it) for name, it in found.items()}) for cost, found in ratios.items()}
    changes = (
        _change(before[name], after[name], {cost: found[name] for cost, found in ratios.items() if name in moved[cost]})
        for name in common
    )
    return FleetComparison(
        machines=(len(before), len(after)),
        reached=(_reached(old), _reached(new)),
        leaking=(len(old.leaking), len(new.leaking)),
        common=len(common),
        appeared=tuple(sorted(after.keys() - before.keys())),
        vanished=tuple(sorted(before.keys() - after.keys())),
        differences=tuple(_differences(ratios)),
        changes=tuple(sorted((it for it in changes if it.lines), key=lambda it: not it.is_worse)),
    )


def _reached(fleet: FleetReport) -> int:
    return sum(it.status is Status.REACHED for it in fleet.machines)


def _ratios(
    before: Mapping[str, Machine], after: Mapping[str, Machine], common: list[str], cost: str
) -> dict[str, float]:
    """Return the ratio of a cost, new against old, of each machine that has it in both fleets."""
    found = {}
    for name in common:
        old, new = (dict(it[name].costs[cost].levels) if cost in it[name].costs else {} for it in (before, after))
        levels = [new[number] / old[number] for number in old.keys() & new.keys()]
        if levels:
            found[name] = statistics.median(levels)
    return found


def _differences(ratios: Mapping[str, dict[str, float]]) -> Iterator[Difference]:
    for cost in COSTS:
        values = list(ratios[cost.name].values())
        change = compare_pairs([1.0] * len(values), values)
        if change is not None:
            yield Difference(name=cost.title, change=change)


def _change(old: Machine, new: Machine, moved: Mapping[str, float]) -> MachineChange:
    """Return the changes of a machine; `moved` are the ratios of the costs that changed more than the fleet's."""
    lines, is_worse = [], False
    if old.status is not new.status:
        lines.append(f"{old.status}, now {new.status}")
        is_worse |= _RANKS[new.status] > _RANKS[old.status]
    if old.depth != new.depth:
        lines.append(f"depth {old.depth}, now {new.depth}")
        is_worse |= new.depth < old.depth
    if len(old.leaks) != len(new.leaks):
        lines.append(f"{len(old.leaks)} left behind, now {len(new.leaks)}")
        is_worse |= len(new.leaks) > len(old.leaks)
    for cost in COSTS:
        if cost.name in moved:
            lines.append(f"{cost.title} {moved[cost.name]:.2f} of before")
            is_worse |= moved[cost.name] > 1
    if lines:
        lines += [
            f"{trait} {it}, now {new.traits.get(trait)}"
            for trait, it in old.traits.items()
            if it != new.traits.get(trait)
        ]
    return MachineChange(name=new.name, lines=tuple(lines), is_worse=is_worse)
