from __future__ import annotations

import pytest

from inception.chain.status import ChainState, ChainStatus, LevelState, LevelStatus
from inception.chain.watching.inspect import LevelDetails
from inception.cli.commands.tree import tree_lines
from tests.factories.plans import plan
from tests.factories.trees import tree


def lines(depth: int, width: int | None) -> list[str]:
    levels = tuple(LevelStatus(number=it, state=LevelState.READY, age_s=3.0) for it in range(1, depth + 1))
    details = tuple(
        LevelDetails(
            status=it, engine_version="26.1.5+dfsg1", address="10.99.244.2", memory=605_000_000, containers=("web",)
        )
        for it in levels
    )
    return tree_lines(ChainStatus(plan=plan(depth), state=ChainState.RUNNING, levels=levels), details, width=width)


@pytest.mark.parametrize(("depth", "width"), [(8, 100), (8, 80), (40, 100), (256, 80)])
def test_no_level_needs_two_lines_of_a_terminal(depth: int, width: int) -> None:
    assert max(map(len, lines(depth, width)[1:])) <= width


def test_levels_are_indented_as_far_as_there_is_room() -> None:
    assert lines(3, 200)[5].startswith("      └─ 3")
    eighth = lines(8, 100)[15]
    assert eighth.lstrip().startswith("└─ 8")
    assert eighth.startswith("  ")


def test_nothing_is_left_out_where_there_is_no_terminal() -> None:
    assert lines(40, None)[-2].startswith(" " * 117 + "└─ 40  ready  engine 26.1.5+dfsg1")


def test_a_branch_is_drawn_as_a_tree_of_its_own() -> None:
    levels = tuple(LevelStatus(number=it, state=LevelState.READY) for it in range(1, 8))
    chain = ChainStatus(plan=tree(), state=ChainState.RUNNING, levels=levels)
    branch = tuple(LevelDetails(status=it, containers=("web",)) for it in levels[3:6])
    first, *others = tree_lines(chain, branch, width=60)
    assert first.startswith("dream: running")
    assert [line.partition("  ready")[0] for line in others] == [
        "└─ 4 b",
        "      container web",
        "   ├─ 5 x",
        "   │     container web",
        "   └─ 6 y",
        "         container web",
    ]
