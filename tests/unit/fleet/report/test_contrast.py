"""Statistics of groups: what chance makes is no finding, what it does not make is one."""

from __future__ import annotations

import math
import random

import pytest

from inception.fleet.report.contrast import effect, fisher, outliers


def _logs(count: int, ratio: float, seed: int) -> list[float]:
    chance = random.Random(seed)  # noqa: S311 the same numbers for a seed
    return [math.log(ratio) + chance.gauss(0, 0.1) for _ in range(count)]


def test_outlier_is_far_from_the_median() -> None:
    values = {str(it): value for it, value in enumerate(_logs(50, 1.0, 1))}
    assert outliers(values) == {}
    found = outliers({**values, "far": math.log(3), "near": math.log(0.2)})
    assert set(found) == {"far", "near"}
    assert found["far"] == pytest.approx(math.log(3), abs=0.1)


def test_outlier_matters() -> None:
    """A tenth more is no outlier, however alike the others are."""
    assert outliers({**{str(it): 0.0 for it in range(9)}, "a": math.log(1.1)}) == {}
    assert set(outliers({**{str(it): 0.0 for it in range(9)}, "a": math.log(1.3)})) == {"a"}


def test_effect_of_a_group_is_its_ratio() -> None:
    found = effect(_logs(40, 1.5, 1), _logs(60, 1.0, 2), comparisons=50)
    assert found
    assert found.is_beyond_noise
    assert found.ratio == pytest.approx(1.5, rel=0.1)
    assert effect(_logs(4, 1.5, 1), _logs(60, 1.0, 2), comparisons=50) is None


def test_equal_groups_differ_by_chance_only() -> None:
    found = [effect(_logs(20, 1.0, seed), _logs(30, 1.0, 1000 + seed), comparisons=200) for seed in range(200)]
    assert sum(it is not None and it.is_beyond_noise for it in found) == 0


@pytest.mark.parametrize(
    ("hits", "group", "all_hits", "total", "likely"),
    [
        pytest.param(3, 4, 4, 8, 34 / 70, id="the lady who tastes tea (Fisher 1935)"),
        pytest.param(10, 10, 10, 20, 2 / 184_756, id="all hits in one half"),
        pytest.param(5, 10, 10, 20, 1.0, id="half of each"),
        pytest.param(3, 5, 18, 20, 816 / 15_504, id="both misses in a quarter"),
        pytest.param(0, 5, 0, 20, 1.0, id="no hit at all"),
    ],
)
def test_probability_is_fishers(hits: int, group: int, all_hits: int, total: int, likely: float) -> None:
    assert fisher(hits, group, all_hits, total) == pytest.approx(likely)
