from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inception.level.containers import stop_timeout_s
from inception.plan.chain import ChainPlan
from inception.plan.engine.options import parse_level_image
from inception.plan.growth import request_grown, shrunk
from inception.plan.pids import PidNamespace
from inception.plan.planner import plan_chain
from inception.plan.refusal import Refusal
from inception.plan.request import NetworkMode, PidMode, Storage, parse_level_store
from inception.plan.resources import Resource, parse_limit
from inception.plan.tree import Place, Shape, check_numbers, line
from tests.factories.plans import FACTS, IMAGE, plan, request
from tests.factories.trees import PLACES, tree

SHAPE = Shape([it.above for it in PLACES])


@st.composite
def numbered(draw: st.DrawFn) -> list[int]:
    """Draw what is above each level of a tree."""
    above, path = [0], [0, 1]
    for number in range(2, draw(st.integers(1, 12)) + 1):
        parent = draw(st.integers(1, len(path) - 1))
        path = [*path[: parent + 1], number]
        above.append(path[-2])
    return above


def test_a_shape_knows_what_is_above_and_below() -> None:
    assert SHAPE.bottoms == (3, 5, 6, 7)
    assert (SHAPE.height, SHAPE.count, SHAPE.is_line) == (3, 7, False)
    assert SHAPE.children(1) == (2, 4, 7)
    assert SHAPE.ancestors(6) == (4, 1)
    assert [list(SHAPE.below(number)) for number in (1, 2, 4, 7)] == [[2, 3, 4, 5, 6, 7], [3], [5, 6], []]


@given(numbered())
def test_a_branch_is_a_shape_of_its_own(above: list[int]) -> None:
    shape = Shape(above)
    for first in range(1, shape.count + 1):
        branch = shape.branch(first)
        members = (first, *shape.below(first))
        assert branch.count == len(members)
        for number, member in enumerate(members, 1):
            assert [it + first - 1 for it in branch.children(number)] == list(shape.children(member))
            assert branch.depth(number) == shape.depth(member) - shape.depth(first) + 1


@given(numbered())
def test_the_levels_below_are_those_that_have_it_above_them(above: list[int]) -> None:
    check_numbers(above)
    shape = Shape(above)
    for number in range(1, shape.count + 1):
        assert list(shape.below(number)) == [it for it in range(1, shape.count + 1) if number in shape.ancestors(it)]
        assert shape.depth(number) == len(shape.ancestors(number)) + 1
    assert shape.is_line == (above == list(range(len(above))))


def test_a_line_is_a_shape() -> None:
    assert (line(3).bottoms, line(3).height, line(3).is_line) == ((3,), 3, True)
    assert (line(0).bottoms, line(0).height, line(0).is_line) == ((), 0, True)


@pytest.mark.parametrize("above", [[1], [0, 0], [0, 2], [0, 1, 1, 2], [0, 3, 1]])
def test_numbers_that_are_no_tree_are_refused(above: list[int]) -> None:
    with pytest.raises(ValueError, match="cannot be below level"):
        check_numbers(above)


def test_a_tree_is_planned_and_read_again() -> None:
    made = tree()
    assert [str(it) for it in made.levels] == ["1 host", "2 a", "3", "4 b", "5 x", "6 y", "7 c"]
    assert [it.above for it in made.levels] == [0, 1, 2, 1, 4, 4, 1]
    assert len({it.subnet.block for it in made.levels}) == 7
    assert ChainPlan.from_json(made.to_json()) == made


def test_a_plan_whose_numbers_are_no_tree_is_not_read() -> None:
    made = tree()
    wrong = replace(made, levels=(*made.levels[:6], replace(made.level(7), parent=5)))
    with pytest.raises(ValueError, match="level 7 cannot be below level 5"):
        ChainPlan.from_json(wrong.to_json())


def test_pid_namespaces_nest_as_deep_as_the_tree() -> None:
    facts = replace(FACTS, host=replace(FACTS.host, pid_namespaces_free=3))
    private = [it.pid_namespace is PidNamespace.PRIVATE for it in tree(facts).levels]
    assert private == [True, True, False, True, False, False, True]
    with pytest.raises(Refusal, match="depth 3 needs more PID namespaces"):
        tree(facts, pid=PidMode.ISOLATED)


def test_a_level_waits_for_those_below_it_alone() -> None:
    made = tree()
    waits = [stop_timeout_s(made, number) for number in range(1, 8)]
    assert waits[2] == waits[4] == waits[6] < waits[1] < waits[3] < waits[0]


def test_a_limit_is_for_a_branch() -> None:
    limits = (parse_limit(Resource.MEMORY, "4:150MB"),)
    with pytest.raises(Refusal, match=r"180 MB that levels 4 to 6 need"):
        tree(resources=limits)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"storage": Storage.LOOPBACK}, "a tree has no loopback image at each level"),
        ({"network": NetworkMode.HOST}, "engines beside one another cannot share a network"),
        ({"depth": 9}, "a tree of 7 levels has no other depth"),
    ],
)
def test_what_a_tree_cannot_have_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(Refusal, match=said):
        tree(**changes)


def test_a_tree_neither_grows_nor_shrinks() -> None:
    with pytest.raises(Refusal, match="is a tree, which neither grows nor shrinks"):
        request_grown(tree(), 1)
    with pytest.raises(Refusal, match="is a tree, which neither grows nor shrinks"):
        shrunk(tree(), 1)


def test_a_line_with_labels_grows() -> None:
    labelled = plan_chain(request(2, places=(Place(above=0, label="one"), Place(above=1))), FACTS)
    assert request_grown(labelled, 1).shape.count == 3


def test_an_engine_is_given_the_images_of_all_its_children() -> None:
    other = replace(IMAGE, name="other:1", image_id="sha256:" + "f" * 64)
    made = tree(
        replace(FACTS, images=(IMAGE, other)), level_images=tuple(map(parse_level_image, ("4=other:1", "6=other:1")))
    )
    given = [(made.seed_of(it).image, [one.source for one in made.seed_of(it).preloads]) for it in range(1, 8)]
    assert given[0] == given[3] == (IMAGE.name, ["other:1"])
    assert given[5] == ("other:1", [])
    assert given[1] == given[2] == given[4] == given[6] == (IMAGE.name, [])


def test_engines_have_the_image_of_the_levels_below() -> None:
    made = tree(image_store=(parse_level_store("4=overlay2"),))
    assert [made.seed_of(it).store.value for it in range(1, 8)] == ["auto"] * 3 + ["overlay2"] + ["auto"] * 3
    assert plan(3).shape.is_line
