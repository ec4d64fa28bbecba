from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from inception.chain.level_paths import find_level, find_live_level, level_at
from inception.chain.plan_file import save_plan
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
