"""Laws of the arithmetic on measurements."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from inception.stress.report.svg import (
    Axis,
    Chart,
    Curve,
    Mark,
    Series,
    chart_svg,
    lines,
    nice_ticks,
    power_laws,
    stacked_bars,
)
from inception.stress.report.trend import MIN_CYCLES, compare_pairs, find_drift, fit_power

positive = st.floats(1e-3, 1e6)
depths = st.lists(st.integers(1, 200), min_size=3, max_size=60, unique=True)


@given(depths, st.floats(-3, 3), st.floats(1e-3, 1e3))
def test_fit_finds_the_power_law_of_its_points(xs: list[int], exponent: float, coefficient: float) -> None:
    fit = fit_power(xs, [coefficient * x**exponent for x in xs])
    assert fit is not None
    assert fit.exponent == pytest.approx(exponent, abs=1e-6)
    assert fit.coefficient == pytest.approx(coefficient, rel=1e-5)
    assert fit.at(7) == pytest.approx(coefficient * 7**exponent, rel=1e-5)


@given(st.lists(st.tuples(st.integers(1, 200), positive), min_size=3, max_size=40), st.floats(1e-2, 1e2))
def test_unit_changes_the_coefficient_of_a_fit_alone(points: list[tuple[int, float]], unit: float) -> None:
    assume(len({x for x, _ in points}) >= 3)
    plain = fit_power([x for x, _ in points], [y for _, y in points])
    scaled = fit_power([x for x, _ in points], [y * unit for _, y in points])
    assert plain is not None
    assert scaled is not None
    assert scaled.exponent == pytest.approx(plain.exponent, abs=1e-6)
    assert scaled.coefficient == pytest.approx(plain.coefficient * unit, rel=1e-6)
    assert 0 <= plain.r_squared <= 1


@given(st.lists(st.integers(1, 2), max_size=20))
def test_fit_needs_three_depths(xs: list[int]) -> None:
    assert fit_power(xs, [1.0 for _ in xs]) is None


@given(st.floats(0.1, 1e6), st.integers(MIN_CYCLES, 40))
def test_constant_cost_does_not_drift(value: float, count: int) -> None:
    drift = find_drift([value] * count)
    assert drift is not None
    assert drift.change == 0
    assert not drift.is_beyond_noise


@given(st.floats(1, 1e3), st.floats(0.05, 2), st.integers(8, 40))
def test_steady_growth_and_its_mirror_are_drift(start: float, share: float, count: int) -> None:
    values = [start * (1 + share * index / (count - 1)) for index in range(count)]
    up, down = find_drift(values), find_drift(values[::-1])
    assert up is not None
    assert down is not None
    assert up.sigmas > 0 > down.sigmas
    assert up.change == pytest.approx(-down.change)
    if share > 0.1:
        assert up.is_beyond_noise
        assert down.is_beyond_noise


@given(st.lists(st.floats(0.9, 1.1), min_size=MIN_CYCLES, max_size=30))
def test_single_outlier_is_no_drift(values: list[float]) -> None:
    flat = [1.0] * len(values)
    flat[-1] = 100.0
    drift = find_drift(flat)
    assert drift is not None
    assert not drift.is_beyond_noise


def test_drift_needs_five_cycles() -> None:
    assert find_drift([1.0, 2.0, 3.0, 4.0]) is None


@given(st.lists(positive, min_size=1, max_size=40))
def test_costs_compared_with_themselves_are_the_same(costs: list[float]) -> None:
    change = compare_pairs(costs, costs)
    assert change is not None
    assert change.ratio == 1
    assert not change.is_worse
    assert not change.is_better


@given(st.lists(positive, min_size=3, max_size=40), st.floats(1.2, 10))
def test_cost_that_grew_at_every_level_is_worse_and_its_reverse_better(costs: list[float], by: float) -> None:
    dearer = [cost * by for cost in costs]
    worse, better = compare_pairs(costs, dearer), compare_pairs(dearer, costs)
    assert worse is not None
    assert better is not None
    assert worse.ratio == pytest.approx(by)
    assert worse.is_worse
    assert better.is_better
    assert not better.is_worse


@given(st.lists(st.sampled_from([0.5, 2.0]), min_size=6, max_size=6, unique=False))
def test_change_in_both_directions_is_noise(ratios: list[float]) -> None:
    assume(ratios.count(0.5) == 3)
    change = compare_pairs([1.0] * 6, ratios)
    assert change is not None
    assert not change.is_worse
    assert not change.is_better


@given(st.floats(1e-279, 1e300))
def test_ticks_cover_the_greatest_value_and_are_few(greatest: float) -> None:
    ticks = nice_ticks(greatest)
    assert ticks[0] == 0
    assert ticks[-1] >= greatest * (1 - 1e-6)
    assert 2 <= len(ticks) <= 7
    assert all(a < b for a, b in itertools.pairwise(ticks))


@pytest.mark.parametrize("nothing", [0.0, 5e-324, 1e-290, math.inf, math.nan, -1.0])
def test_value_that_ticks_cannot_divide_has_an_axis(nothing: float) -> None:
    assert nice_ticks(nothing) == (0.0, 1.0)


AXIS = Axis(title="level", show=lambda value: f"{value:g}")


def _drawn(marks: tuple[Mark, ...]) -> str:
    return chart_svg(Chart(name="made", title="made", note="", marks=marks))


@given(st.lists(st.none() | st.floats(0, 1e9), min_size=1, max_size=200))
def test_chart_is_drawn_inside_its_frame(values: list[float | None]) -> None:
    series = (Series(name="a <name>", values=tuple(values)),)
    positions = list(range(1, len(values) + 1))
    for marks in (
        stacked_bars(positions=positions, series=series, across=AXIS, up=AXIS),
        lines(positions=positions, series=series, across=AXIS, up=AXIS, alarms=[(1, "why & how")]),
    ):
        drawn = _drawn(marks)
        assert "a &lt;name&gt;" in drawn
        assert "nan" not in drawn
        assert 'height="-' not in drawn
        assert 'y="-' not in drawn


@given(st.lists(st.tuples(st.integers(1, 300), st.floats(1e-3, 1e3)), min_size=1, max_size=50), st.floats(-3, 3))
def test_power_law_is_drawn_for_any_points(points: list[tuple[int, float]], exponent: float) -> None:
    curve = Curve(
        name="cost", points=tuple((float(x), y) for x, y in points), exponent=exponent, coefficient=points[0][1]
    )
    drawn = _drawn(power_laws(curves=[curve], across=AXIS, up=AXIS))
    assert drawn.count("<circle") == len(points)
    assert "nan" not in drawn
