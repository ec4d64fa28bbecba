from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from inception.chain.level_paths import find_branch, find_level, find_live_level, level_at, level_text, path_of
from inception.chain.plan_file import save_plan
from inception.chain.status import find_chain
from inception.errors import UsageError
from tests.factories.plans import FACTS, plan
from tests.factories.trees import tree


@pytest.mark.parametrize(
    ("path", "number"),
    [("1", 1), ("a", 2), ("a/3", 3), ("host/b/y", 6), ("b/5", 5), ("y", 6), ("1/4/x", 5), ("host", 1)],
)
def test_steps_lead_down_by_numbers_and_labels(path: str, number: int) -> None:
    assert level_at(tree(), path.split("/")) == number


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("d", "chain dream has no level d: see: inception tree dream"),
        ("9", "chain dream has no level 9: see"),
        ("a/x", "chain dream has no level x below level 2: see"),
        ("b/b", "chain dream has no level b below level 4: see"),
        ("a/", "chain dream has no level  below level 2: see"),
    ],
)
def test_a_step_to_nowhere_is_named(path: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        level_at(tree(), path.split("/"))


def test_a_label_in_several_branches_is_told_apart() -> None:
    places = tuple(replace(it, label="x") if it.label == "y" else it for it in tree().request.places)
    with pytest.raises(UsageError, match="has 2 levels x: write one of them: dream/5, dream/6"):
        level_at(tree(places=places), ["x"])


def test_a_line_has_paths_by_number() -> None:
    assert level_at(plan(3), ["1", "3"]) == 3
    with pytest.raises(UsageError, match="chain dream has no level 4: its levels are 1 to 3"):
        level_at(plan(3), ["4"])


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INCEPTION_RUN_ROOT", str(tmp_path))
    made = tree(replace(FACTS, run_root=str(tmp_path)))
    for number in range(8):
        Path(made.paths.level(number)).mkdir(parents=True)
    save_plan(made)


def test_a_level_has_a_path_that_leads_to_it() -> None:
    made = tree()
    paths = [path_of(made, number) for number in range(1, 8)]
    assert paths == ["host", "host/a", "host/a/3", "host/b", "host/b/x", "host/b/y", "host/c"]
    assert [level_at(made, path.split("/")) for path in paths] == list(range(1, 8))
    assert [level_text(made, number) for number in (2, 3)] == ["2 host/a", "3 host/a/3"]


def test_a_level_of_a_line_or_of_none_has_its_number_for_a_path() -> None:
    for number in (1, 3):
        assert path_of(plan(3), number) == level_text(plan(3), number) == str(number)
    for number in (-1, 0, 8):
        assert path_of(tree(), number) == level_text(tree(), number) == str(number)


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize(
    ("path", "numbers"),
    [(None, (1, 2, 3, 4, 5, 6, 7)), ("dream", (1, 2, 3, 4, 5, 6, 7)), ("dream/b", (4, 5, 6)), ("dream/host/c", (7,))],
)
def test_a_branch_is_a_level_and_all_below(path: str | None, numbers: tuple[int, ...]) -> None:
    chain, found = find_branch(path)
    assert (chain.name, found) == ("dream", numbers)


@pytest.mark.usefixtures("saved")
def test_a_command_for_whole_chains_takes_no_path() -> None:
    with pytest.raises(UsageError, match="dream/a is a level, and this command is for a whole chain: leave the path"):
        find_chain("dream/a")


@pytest.mark.usefixtures("saved")
def test_a_path_and_a_number_name_one_level() -> None:
    assert [find_level(path, level)[1] for path, level in (("dream/b", 5), ("dream", 7), (None, 2))] == [
        5,
        7,
        2,
    ]
    assert find_level("dream", None)[1] is None


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize("path", ["", "/b", "/etc", "Dream/b", "../b"])
def test_a_path_begins_with_the_name_of_a_chain(path: str) -> None:
    with pytest.raises(UsageError, match="cannot name a chain"):
        find_level(path, None)


@pytest.mark.usefixtures("saved")
def test_one_of_several_bottoms_must_be_named() -> None:
    with pytest.raises(UsageError, match="has 4 bottoms: name a level, such as dream/3, dream/5, dream/6, dream/7"):
        find_live_level("dream", None)
