"""Arithmetic on measurements: how a cost grows with depth, whether it drifts from cycle to cycle, what is noise."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

MAD_TO_SIGMA = 1.4826
"""Of a normal distribution, the standard deviation is this many times the median absolute deviation."""
MEDIAN_PENALTY = 1.2533
"""The median of n normal samples varies this many times as much as their mean (the root of pi / 2)."""
SIGNIFICANT_SIGMAS = 2.576
"""Beyond this many standard errors there is 1 % of chance left, of both sides together."""
LEAST_DRIFT = 0.05
"""Less than this share of the median, from the first cycle to the last, is no drift that matters."""
LEAST_CYCLES = 5
"""Of fewer cycles, no order is so unlikely that it would mean drift."""


@dataclass(frozen=True, kw_only=True)
class PowerFit:
    """cost = `coefficient` * depth ** `exponent`. `r_squared` is the share of the variance of the logarithms explained.

    An exponent of 0 is a cost that depth does not change, 1 one that grows as fast as depth.
    """

    exponent: float
    coefficient: float
    r_squared: float
    points: int

    def at(self, depth: float) -> float:
        return float(self.coefficient * depth**self.exponent)


def fit_power(depths: Sequence[float], costs: Sequence[float]) -> PowerFit | None:
    """The power law through the points by least squares of the logarithms; None of fewer than three depths above 0."""
    points = [(math.log(x), math.log(y)) for x, y in zip(depths, costs, strict=True) if x > 0 and y > 0]
    if len({x for x, _ in points}) < 3:  # noqa: PLR2004 two points are always on a line
        return None
    mean_x = statistics.fmean(x for x, _ in points)
    mean_y = statistics.fmean(y for _, y in points)
    spread_x = math.fsum((x - mean_x) ** 2 for x, _ in points)
    spread_y = math.fsum((y - mean_y) ** 2 for _, y in points)
    shared = math.fsum((x - mean_x) * (y - mean_y) for x, y in points)
    exponent = shared / spread_x
    left = math.fsum((y - mean_y - exponent * (x - mean_x)) ** 2 for x, y in points)
    return PowerFit(
        exponent=exponent,
        coefficient=math.exp(mean_y - exponent * mean_x),
        r_squared=1.0 if spread_y == 0 else max(0.0, 1 - left / spread_y),
        points=len(points),
    )


@dataclass(frozen=True, kw_only=True)
class Drift:
    """How a number moves from cycle to cycle: `change` is from the first to the last, as a share of its median.

    `sigmas` is how far the order of the values is from chance (Mann and Kendall's test).
    """

    change: float
    sigmas: float
    cycles: int

    @property
    def is_beyond_noise(self) -> bool:
        return abs(self.sigmas) > SIGNIFICANT_SIGMAS and abs(self.change) > LEAST_DRIFT


def find_drift(values: Sequence[float]) -> Drift | None:
    """The drift of one value a cycle, by the median of all slopes (Theil and Sen); None of fewer than LEAST_CYCLES."""
    count = len(values)
    if count < LEAST_CYCLES:
        return None
    pairs = [((b - a), values[b] - values[a]) for a, b in combinations(range(count), 2)]
    slope = statistics.median(rise / run for run, rise in pairs)
    middle = statistics.median(values)
    score = sum((rise > 0) - (rise < 0) for _, rise in pairs)
    deviation = math.sqrt(_variance_of_score(values))
    # One step towards zero, as the score moves in whole numbers (Mann 1945).
    sigmas = 0.0 if score == 0 or deviation == 0 else (score - math.copysign(1, score)) / deviation
    # A median of 0 can be divided by as little as it can be written to JSON once divided.
    change = 0.0 if slope == 0 else slope * (count - 1) / (middle or max(map(abs, values)))
    return Drift(change=change, sigmas=sigmas, cycles=count)


def _variance_of_score(values: Sequence[float]) -> float:
    """Of Kendall's score by chance, less what ties take away."""
    ties = [values.count(value) for value in set(values)]
    return (_term(len(values)) - sum(_term(tie) for tie in ties)) / 18


def _term(count: int) -> int:
    return count * (count - 1) * (2 * count + 5)


@dataclass(frozen=True, kw_only=True)
class Change:
    """What became of a cost: `ratio` is new / old, `noise` the ratio that chance alone could make of it (1 or more)."""

    ratio: float
    noise: float
    pairs: int

    @property
    def is_worse(self) -> bool:
        return self.ratio > self.noise

    @property
    def is_better(self) -> bool:
        return self.ratio < 1 / self.noise


NOISE_OF_ONE = 0.10
"""The standard error taken where there are too few pairs to see one."""
LEAST_NOISE = 0.02
"""No two runs are more alike than this."""


def compare_pairs(old: Sequence[float], new: Sequence[float]) -> Change | None:
    """Compare costs that belong together, level by level; None if there is no pair above 0.

    The ratio is the median of the pairs' ratios, the noise comes from their spread about it.
    """
    ratios = [math.log(b / a) for a, b in zip(old, new, strict=True) if a > 0 and b > 0]
    if not ratios:
        return None
    middle = statistics.median(ratios)
    error = NOISE_OF_ONE
    if len(ratios) >= 3:  # noqa: PLR2004 of two, either is as far from the middle as the other
        deviation = statistics.median(abs(it - middle) for it in ratios) * MAD_TO_SIGMA
        error = max(LEAST_NOISE, MEDIAN_PENALTY * deviation / math.sqrt(len(ratios)))
    return Change(ratio=math.exp(middle), noise=math.exp(SIGNIFICANT_SIGMAS * error), pairs=len(ratios))
