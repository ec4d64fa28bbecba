"""Each cost of a level: time, memory, disk, and the answers of its engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from statistics import median

from inception.plan.light_dataclasses import dataclass
from inception.stress.report.record import ChainRecord, LevelRecord


@dataclass(frozen=True, kw_only=True)
class Cost:
    """A cost of a level: `of` reads it from a level, in `unit`; None where it was not measured."""

    name: str
    title: str
    unit: str
    of: Callable[[LevelRecord], float | None]


COSTS = (
    Cost(name="ready_s", title="time", unit="s", of=lambda level: level.ready_s),
    Cost(name="pss", title="memory", unit="B", of=lambda level: float(level.measure.pss) if level.measure else None),
    Cost(name="disk", title="disk", unit="B", of=lambda level: float(level.measure.disk) if level.measure else None),
    Cost(name="api_s", title="API", unit="s", of=lambda level: level.api_s),
    Cost(name="run_s", title="container", unit="s", of=lambda level: level.run_s),
)
"""Costs that may grow with depth."""


def by_level(chains: Iterable[ChainRecord], cost: Cost) -> dict[int, float]:
    """Return the median of a cost at each level, over all chains."""
    values: dict[int, list[float]] = {}
    for chain in chains:
        for level in chain.levels:
            value = cost.of(level)
            if value is not None:
                values.setdefault(level.number, []).append(value)
    return {number: median(values[number]) for number in sorted(values)}


def median_or_none(values: Iterable[float]) -> float | None:
    """Return the median of `values`, or None if there are none."""
    kept = list(values)
    return median(kept) if kept else None
