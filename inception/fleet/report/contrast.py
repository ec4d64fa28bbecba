"""Statistics of groups of machines: outliers, and differences that chance does not explain."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

from inception.fleet.report.record import Effect
from inception.stress.report.trend import MAD_TO_SIGMA, MEDIAN_PENALTY, MIN_NOISE

MIN_MACHINES = 5
"""Of fewer machines none is an outlier, and no group is compared with the others by its costs."""
OUTLIER_SIGMAS = 3.5
"""Distance from the median, in deviations, from which on a value is an outlier (Iglewicz and Hoaglin 1993)."""
MIN_OUTLIER = math.log(1.2)
"""Smallest distance that matters, in logarithms: a fifth more."""
CHANCE = 0.01
"""Probability with which chance alone makes a remark on any group of a fleet."""


def outliers(values: Mapping[str, float]) -> dict[str, float]:
    """Return the names whose values, logarithms of ratios, lie far from the median, with their distances from it."""
    if len(values) < MIN_MACHINES:
        return {}
    middle = statistics.median(values.values())
    deviation = max(MIN_NOISE, _deviation(list(values.values())))
    return {
        name: value - middle
        for name, value in values.items()
        if abs(value - middle) > max(MIN_OUTLIER, OUTLIER_SIGMAS * deviation)
    }


def effect(group: Sequence[float], others: Sequence[float], *, comparisons: int) -> Effect | None:
    """Compare the logarithms of a cost in a group with those of all others; None where a side has too few machines.

    `comparisons` is how many are made: the more there are, the further apart two groups are by chance.
    """
    if min(len(group), len(others)) < MIN_MACHINES:
        return None
    change = statistics.median(group) - statistics.median(others)
    error = math.hypot(_error(group), _error(others))
    sigmas = statistics.NormalDist().inv_cdf(1 - CHANCE / 2 / comparisons)
    return Effect(ratio=math.exp(change), is_beyond_noise=abs(change) > sigmas * error)


def fisher(hits: int, group: int, all_hits: int, total: int) -> float:
    """Return the probability that a group of `total` has by chance `hits` of `all_hits`, or what is no likelier.

    It is Fisher's exact test, both sides together.
    """
    weights = {
        count: _log_choose(all_hits, count) + _log_choose(total - all_hits, group - count)
        for count in range(max(0, group - (total - all_hits)), min(group, all_hits) + 1)
    }
    # As likely as what was found, but for rounding.
    limit = weights[hits] + 1e-7
    return math.fsum(math.exp(it - _log_choose(total, group)) for it in weights.values() if it <= limit)


def _log_choose(total: int, count: int) -> float:
    return math.lgamma(total + 1) - math.lgamma(count + 1) - math.lgamma(total - count + 1)


def _deviation(values: Sequence[float]) -> float:
    middle = statistics.median(values)
    return MAD_TO_SIGMA * statistics.median(abs(it - middle) for it in values)


def _error(values: Sequence[float]) -> float:
    """Return the standard error of the median."""
    return max(MIN_NOISE, MEDIAN_PENALTY * _deviation(values) / math.sqrt(len(values)))
