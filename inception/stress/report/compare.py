"""Compares two reports and finds what got worse beyond noise."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from inception.plan.light_dataclasses import dataclass
from inception.stress.report.costs import COSTS, by_level
from inception.stress.report.record import ChainRecord, Report
from inception.stress.report.trend import Change, compare_pairs

_ASCENT = "unwinding"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Change of one cost."""

    name: str
    change: Change

    @property
    def verdict(self) -> str:
        """The change in one word: worse, better or same."""
        if self.change.is_worse:
            return "worse"
        return "better" if self.change.is_better else "same"

    def is_regression(self, threshold: float) -> bool:
        """Return whether the cost grew by more than `threshold` (0.2 is 20 %) and beyond noise."""
        return self.change.is_worse and self.change.ratio > 1 + threshold


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Differences of two reports. `depth` and `leaks` are those of the old report and of the new."""

    depth: tuple[int, int]
    leaks: tuple[int, int]
    differences: tuple[Difference, ...]

    @property
    def is_worse(self) -> bool:
        """Whether anything got worse beyond noise."""
        return (
            self.depth[1] < self.depth[0]
            or self.leaks[1] > self.leaks[0]
            or any(it.change.is_worse for it in self.differences)
        )


def compare(old: Report, new: Report) -> Comparison:
    """Compare two reports, level by level: the same levels of both, each by its median."""
    readers: list[tuple[str, Callable[[Iterable[ChainRecord]], dict[int, float]]]] = [
        (cost.title, lambda chains, cost=cost: by_level(chains, cost))  # type: ignore[misc]
        for cost in COSTS
    ]
    readers.append((_ASCENT, _ascents))
    differences = []
    for name, read in readers:
        before, after = read(old.chains), read(new.chains)
        common = sorted(before.keys() & after.keys())
        change = compare_pairs([before[it] for it in common], [after[it] for it in common])
        if change is not None:
            differences.append(Difference(name=name, change=change))
    return Comparison(
        depth=(old.verdict.depth, new.verdict.depth),
        leaks=(len(old.leaks), len(new.leaks)),
        differences=tuple(differences),
    )


def _ascents(chains: Iterable[ChainRecord]) -> dict[int, float]:
    """Return the seconds of unwinding a level, one value for each chain, in order."""
    values = [chain.ascent_s / chain.depth_reached for chain in chains if chain.ascent_s and chain.depth_reached]
    return dict(enumerate(values))
