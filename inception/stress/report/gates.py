"""Checks the requirements of a pipeline on a campaign or a comparison."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from inception.plan.light_dataclasses import dataclass
from inception.stress.report.compare import Comparison, Difference
from inception.stress.report.matrix import Matrix
from inception.stress.report.record import Report


@dataclass(frozen=True, kw_only=True)
class Gates:
    """Requirements: a depth, no leaks, no cost that grew beyond noise by more than a share (0.2 is 20 %)."""

    min_depth: int | None = None
    no_leaks: bool = False
    regression: float | None = None


def unmet_by_report(gates: Gates, report: Report) -> Iterator[str]:
    """Yield a line for each requirement that `report` does not meet."""
    if gates.min_depth is not None and report.verdict.depth < gates.min_depth:
        yield f"depth {report.verdict.depth} is under {gates.min_depth}"
    if gates.no_leaks and report.leaks:
        yield f"{len(report.leaks)} left behind: {'; '.join(report.leaks)}"
    if gates.no_leaks:
        yield from (f"chain {chain.name} had to be kicked" for chain in report.chains if chain.kicked)


def unmet_by_matrix(gates: Gates, matrix: Matrix) -> Iterator[str]:
    """Yield a line for each requirement that a pair of engines does not meet."""
    for pair in matrix.pairs:
        name = f"pair {pair.outer}-{pair.inner}"
        if gates.min_depth is not None and pair.depth < gates.min_depth:
            yield f"{name}: depth {pair.depth} is under {gates.min_depth}"
        if gates.no_leaks and pair.leaks:
            yield f"{name}: {pair.leaks} left behind"
        if gates.no_leaks and pair.kicked:
            yield f"{name}: {pair.kicked} had to be kicked"


def unmet_by_comparison(gates: Gates, comparison: Comparison) -> Iterator[str]:
    """Yield a line for each requirement that the newer of two reports does not meet."""
    old, new = comparison.depth
    if gates.min_depth is not None and new < gates.min_depth:
        yield f"depth {new} is under {gates.min_depth}"
    if gates.no_leaks and comparison.leaks[1]:
        yield f"{comparison.leaks[1]} left behind"
    if gates.regression is None:
        return
    if new < old:
        yield f"depth {new} was {old} before"
    yield from regressions(gates.regression, comparison.differences)


def regressions(threshold: float, differences: Iterable[Difference]) -> Iterator[str]:
    """Yield a line for each cost that grew by more than `threshold` (0.2 is 20 %) and beyond noise."""
    for difference in differences:
        if difference.is_regression(threshold):
            yield f"{difference.name} grew by {difference.change.ratio - 1:.0%}, beyond noise"
