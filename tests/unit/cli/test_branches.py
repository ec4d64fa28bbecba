from __future__ import annotations

from inception.cli.branches import branch_of, depth_text
from inception.plan.tree import Shape, line
from tests.factories.trees import PLACES

SHAPE = Shape([it.above for it in PLACES])


def test_branches_are_drawn_with_their_siblings() -> None:
    drawn = [f"{branch_of(SHAPE, number)[0]}{number}" for number in range(1, 8)]
    assert drawn == ["└─ 1", "   ├─ 2", "   │  └─ 3", "   ├─ 4", "   │  ├─ 5", "   │  └─ 6", "   └─ 7"]
    assert [branch_of(SHAPE, number)[1] for number in (1, 2, 6, 7)] == ["   ", "   │  ", "   │     ", "      "]


def test_a_line_goes_down_in_steps() -> None:
    assert [branch_of(line(3), number)[0] for number in (1, 2, 3)] == ["└─ ", "   └─ ", "      └─ "]


def test_the_depth_of_a_tree_is_told_from_its_levels() -> None:
    assert (depth_text(line(4)), depth_text(SHAPE)) == ("4", "3, 7 levels")
