"""The state of a tree: a branch that breaks leaves the others as they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from inception.chain.plan_file import save_plan
from inception.chain.status import ChainState, LevelState, read_status
from inception.plan.chain import ChainPlan
from inception.plan.events import Phase, State
from tests.factories.plans import FACTS
from tests.factories.trees import tree
from tests.unit.chain.test_status import living, states, write_events


@pytest.fixture
def chain(tmp_path: Path) -> ChainPlan:
    made = tree(replace(FACTS, run_root=str(tmp_path)))
    for number in range(8):
        Path(made.paths.level(number)).mkdir(parents=True)
    save_plan(made)
    for level in range(1, 8):
        write_events(made, (level, Phase.CREATE, State.BEGIN), (level, Phase.READY, State.END))
    return made


def test_a_tree_with_all_levels_ready_is_running(chain: ChainPlan) -> None:
    with living(chain, *range(1, 8)):
        assert read_status(chain).state is ChainState.RUNNING


def test_a_branch_that_died_is_named_and_the_others_are_ready(chain: ChainPlan) -> None:
    with living(chain, *range(1, 8)):
        pass
    with living(chain, 1, 2, 3, 7):
        status = read_status(chain)
        assert status.state is ChainState.BROKEN
        assert status.broken is not None
        reason = "its runner has ended, and level 1 has yet to report why"
        assert (status.broken.level, status.broken.reason) == (4, reason)
        assert [status.is_ready(number) for number in range(1, 8)] == [True, True, True, False, False, False, True]


def test_a_failure_below_a_dead_level_is_blamed_on_it_and_not_on_a_sibling(chain: ChainPlan) -> None:
    with living(chain, *range(1, 8)):
        pass
    write_events(chain, (6, Phase.READY, State.FAIL), message="lost its engine")
    with living(chain, 1, 4, 5, 7):
        status = read_status(chain)
    assert status.broken is not None
    assert (status.broken.level, status.broken.reason) == (6, "lost its engine"), "level 2 is not above it"
    with living(chain, 1, 2, 3, 5, 7):
        status = read_status(chain)
    assert status.broken is not None
    assert status.broken.level == 4


def test_a_branch_that_unwinds_is_not_broken(chain: ChainPlan) -> None:
    with living(chain, 1, 2, 3, 7), living(chain, 4, unwinding=True):
        write_events(chain, (5, Phase.UNWIND, State.END), (6, Phase.UNWIND, State.END))
        assert states(chain)[3] is LevelState.UNWINDING
        assert read_status(chain).state is ChainState.UNWINDING
