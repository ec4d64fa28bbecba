"""Laws of the tables of levels in a spec file: any tables make a tree, and the file of its chain makes it again."""

from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given, reject
from hypothesis import strategies as st

from inception.chain.level_paths import level_at, path_of
from inception.plan.tree import Place, Shape, check_numbers
from inception.spec.levels import WrongTable, place_levels
from inception.spec.write import spec_of
from tests.factories.trees import tree


@st.composite
def tables(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw tables of levels: some have a name, some a parent among those before, some stand for several levels."""
    made: list[dict[str, Any]] = []
    names: list[str] = draw(st.lists(st.sampled_from(["a", "b", "c", "host"]), max_size=8))
    for _ in range(draw(st.integers(1, 8))):
        table: dict[str, Any] = {}
        known = [it["name"] for it in made if "name" in it]
        if bool(known) and draw(st.booleans()):
            table["parent"] = draw(st.sampled_from(known))
        if names:
            table["name"] = names.pop()
        if draw(st.booleans()):
            table["depth"] = draw(st.integers(1, 3))
        made.append(table)
    return made


def places_of(made: list[dict[str, Any]]) -> tuple[Place, ...]:
    """Return the places of the levels that the tables `made` stand for; none if two names are alike."""
    try:
        placed = place_levels(made)
    except WrongTable:
        reject()
    return tuple(place for table in placed for place in table.places())


@given(tables())
def test_tables_make_a_tree_whose_branches_are_ranges(made: list[dict[str, Any]]) -> None:
    places = places_of(made)
    assert len(places) == sum(table.get("depth", 1) for table in made)
    check_numbers([it.above for it in places])
    shape = Shape([it.above for it in places])
    for number in range(len(places) + 1):
        labels = [places[it - 1].label for it in shape.children(number)]
        assert len(labels) <= 1 or all(labels), "siblings are told apart"
        assert len(set(labels)) == len(labels)


@given(tables())
def test_each_level_of_a_tree_has_a_path_that_leads_to_it(made: list[dict[str, Any]]) -> None:
    places = places_of(made)
    plan = tree(places=places, depth=len(places))
    for number in range(1, plan.depth + 1):
        assert level_at(plan, path_of(plan, number).split("/")) == number


@given(tables())
def test_the_file_of_a_tree_makes_it_again(made: list[dict[str, Any]]) -> None:
    places = places_of(made)
    if any(it.label for it in places):
        text, _ = spec_of(tree(places=places, depth=len(places)), None, ())
        assert places_of(tomllib.loads(text)["levels"]) == places
