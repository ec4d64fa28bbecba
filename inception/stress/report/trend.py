"""Statistics of measurements: growth with depth, drift from cycle to cycle, and noise."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from itertools import combinations

from inception.plan.light_dataclasses import dataclass

MAD_TO_SIGMA = 1.4826
"""Standard deviation of a normal distribution, as a multiple of its median absolute deviation."""
MEDIAN_PENALTY = 1.2533
"""Standard error of the median of normal samples, as a multiple of that of their mean: the root of pi / 2."""
SIGNIFICANT_SIGMAS = 2.576
"""Standard errors that chance exceeds in 1 % of the cases, both sides together."""
MIN_DRIFT = 0.05
"""Smallest drift that matters, from the first cycle to the last, as a share of the median."""
MIN_CYCLES = 5
"""Of fewer cycles, every order is likely by chance."""


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
        """Return the cost at `depth`."""
        return float(self.coefficient * depth**self.exponent)


def fit_power(depths: Sequence[float], costs: Sequence[float]) -> PowerFit | None:
    """Fit a power law by least squares of the logarithms; None for fewer than three depths above 0."""
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
    """Drift of a number from cycle to cycle. `change` is from the first to the last, as a share of the median.

    `sigmas` is the distance of the values' order from chance, in standard errors (Mann and Kendall's test). Where the
    median is 0, `change` is a share of the greatest value.
    """

    change: float
    sigmas: float
    cycles: int

    @property
    def is_beyond_noise(self) -> bool:
        """Whether the drift matters and is unlikely by chance."""
        return abs(self.sigmas) > SIGNIFICANT_SIGMAS and abs(self.change) > MIN_DRIFT


def find_drift(values: Sequence[float]) -> Drift | None:
    """Find the drift of one value a cycle by the median of all slopes (Theil and Sen); None below MIN_CYCLES values."""
    count = len(values)
    if count < MIN_CYCLES:
        return None
    pairs = [((b - a), values[b] - values[a]) for a, b in combinations(range(count), 2)]
    slope = statistics.median(rise / run for run, rise in pairs)
    middle = statistics.median(values)
    score = sum((rise > 0) - (rise < 0) for _, rise in pairs)
    deviation = math.sqrt(_variance_of_score(values))
    # One step towards zero, as the score moves in whole numbers (Mann 1945).
    sigmas = 0.0 if score == 0 or deviation == 0 else (score - math.copysign(1, score)) / deviation
    # A share of nothing would be infinite, which JSON cannot hold.
    change = 0.0 if slope == 0 else slope * (count - 1) / (middle or max(map(abs, values)))
    return Drift(change=change, sigmas=sigmas, cycles=count)


def _variance_of_score(values: Sequence[float]) -> float:
    """Return the variance of Kendall's score by chance, with its correction for ties."""
    ties = [values.count(value) for value in set(values)]
    return (_term(len(values)) - sum(_term(tie) for tie in ties)) / 18


def _term(count: int) -> int:
    return count * (count - 1) * (2 * count + 5)


@dataclass(frozen=True, kw_only=True)
class Change:
    """Change of a cost: `ratio` is new / old, `noise` the ratio that chance alone could make (1 or more)."""

    ratio: float
    noise: float
    pairs: int

    @property
    def is_worse(self) -> bool:
        """Whether the cost grew beyond noise."""
        return self.ratio > self.noise

    @property
    def is_better(self) -> bool:
        """Whether the cost shrank beyond noise."""
        return self.ratio < 1 / self.noise


NOISE_OF_ONE = 0.10
"""Standard error for fewer than three pairs."""
MIN_NOISE = 0.02
"""Smallest standard error: no two runs are more alike."""


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
        error = max(MIN_NOISE, MEDIAN_PENALTY * deviation / math.sqrt(len(ratios)))
    return Change(ratio=math.exp(middle), noise=math.exp(SIGNIFICANT_SIGMAS * error), pairs=len(ratios))
