"""All that a bench has measured."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from inception.stress.report.trend import PowerFit
from tests.bench.floor import Floor
from tests.bench.ours import Costs, Descent
from tests.bench.startup import Startup


@dataclass(frozen=True, kw_only=True)
class Results:
    """All that was measured; ours, the floor and kicks as the median of several runs.

    `costs` are those of a chain that is quiet, and `quiet` is how it went down and up.
    """

    ours: dict[int, Descent]
    naive: dict[int, Descent]
    floors: tuple[Floor, ...]
    kicks_s: dict[int, float]
    costs: Costs
    quiet: Descent
    fit: PowerFit | None
    startup: Startup

    @property
    def floor_s(self) -> float:
        return median(it.level_s for it in self.floors)
