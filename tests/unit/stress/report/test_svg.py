from __future__ import annotations

from itertools import pairwise

import pytest

from inception.stress.report.svg import Axis, Series, stacked_bars

AXIS = Axis(title="level", show=str)
WIDTH_OF_DIGIT = 7.0


def labels(count: int) -> list[tuple[float, str]]:
    """Return place and text of the labels below the bars of levels 1 to `count`."""
    values = tuple(1.0 for _ in range(count))
    marks = stacked_bars(positions=range(1, count + 1), series=[Series(name="a", values=values)], across=AXIS, up=AXIS)
    below = max(float(it.attributes["y"]) for it in marks if it.tag == "text" and it.text in {"1", "20"})
    texts = [it for it in marks if it.tag == "text" and float(it.attributes["y"]) == below]
    return [(float(it.attributes["x"]), it.text) for it in texts]


@pytest.mark.parametrize("count", [1, 2, 8, 20, 21, 40, 99, 100, 128, 200, 256, 500, 1000])
def test_labels_of_levels_do_not_run_into_each_other(count: int) -> None:
    found = labels(count)
    assert found[0][1] in {"1", "2"}
    for (left, text), (right, following) in pairwise(found):
        assert right - left > WIDTH_OF_DIGIT * (len(text) + len(following) + 1) / 2


def test_labels_of_many_levels_are_round() -> None:
    assert [text for _, text in labels(256)] == ["1", *map(str, range(20, 257, 20))]
