from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest

from inception.stress.report.svg import Axis, Series, lines, stacked_bars

AXIS = Axis(title="level", show=str)
WIDTH_OF_DIGIT = 7.0


def labels(positions: Sequence[int]) -> list[tuple[float, str]]:
    """Return place and text of the labels below the bars of `positions`."""
    values = tuple(1.0 for _ in positions)
    marks = stacked_bars(positions=positions, series=[Series(name="a", values=values)], across=AXIS, up=AXIS)
    shown = {str(it) for it in positions}
    below = max(float(it.attributes["y"]) for it in marks if it.tag == "text" and it.text in shown)
    texts = [it for it in marks if it.tag == "text" and float(it.attributes["y"]) == below]
    return [(float(it.attributes["x"]), it.text) for it in texts]


def check_apart(found: Sequence[tuple[float, str]]) -> None:
    for (left, text), (right, following) in pairwise(found):
        assert right - left > WIDTH_OF_DIGIT * (len(text) + len(following) + 1) / 2


@pytest.mark.parametrize("count", [1, 2, 8, 20, 21, 40, 99, 100, 128, 200, 256, 500, 1000, 1401, 20_000])
def test_labels_of_levels_and_cycles_do_not_run_into_each_other(count: int) -> None:
    found = labels(range(1, count + 1))
    assert found[0][1] in {"1", "2"}
    check_apart(found)


@pytest.mark.parametrize("seconds", [90, 600, 3600, 28_800, 1_000_000])
def test_labels_of_a_soaks_seconds_do_not_run_into_each_other(seconds: int) -> None:
    width_s = seconds / 60
    found = labels([round(number * width_s) for number in range(61)])
    assert len(found) > 2
    check_apart(found)


def test_labels_of_many_levels_are_round() -> None:
    assert [text for _, text in labels(range(1, 257))] == ["1", *map(str, range(20, 257, 20))]


def test_numbers_too_long_for_two_labels_have_one() -> None:
    assert len(labels([10**40 + it for it in range(1, 9)])) == 1


def test_a_chart_without_positions_has_no_labels() -> None:
    assert not [
        it for it in lines(positions=[], series=[], across=AXIS, up=AXIS) if it.text.isdigit() and it.text > "1"
    ]
