from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from inception.chain.status import ChainState, LevelState, chain_names, find_chain, list_chains, read_status, save_plan
from inception.errors import ChainError, UsageError
from inception.linux import lifeline
from inception.plan.chain import ChainPlan
from inception.plan.events import Event, Phase, State
from tests.factories.plans import FACTS, plan

_DEPTH = 3


@pytest.fixture
def chain(tmp_path: Path) -> ChainPlan:
    made = plan(_DEPTH, replace(FACTS, run_root=str(tmp_path)), attached=False)
    for number in range(_DEPTH + 1):
        Path(made.paths.level(number)).mkdir(parents=True)
    save_plan(made)
    return made


@contextmanager
def living(chain: ChainPlan, *levels: int, unwinding: bool = False) -> Iterator[None]:
    """Hold the locks that the runners of `levels` would hold."""
    with ExitStack() as stack:
        for number in levels:
            alive = lifeline.hold(Path(chain.paths.alive(number)))
            stack.callback(os.close, alive)
            lifeline.mark_ready(alive)
            if not unwinding:
                stack.callback(os.close, lifeline.hold(Path(chain.paths.lifeline(number))))
        yield


def tell(chain: ChainPlan, *steps: tuple[int, Phase, State], message: str | None = None, jump_s: float = 0) -> None:
    with Path(chain.paths.events).open("a") as events:
        for level, phase, state in steps:
            event = Event(
                time_s=time.time() + jump_s,
                monotonic_s=time.monotonic(),
                level=level,
                phase=phase,
                state=state,
                message=message,
            )
            events.write(event.to_line())


def tell_descent(chain: ChainPlan, jump_s: float = 0) -> None:
    for level in range(1, _DEPTH + 1):
        tell(chain, (level, Phase.CREATE, State.BEGIN), (level, Phase.READY, State.END), jump_s=jump_s)


def states(chain: ChainPlan) -> list[LevelState]:
    return [level.state for level in read_status(chain).levels]


def test_a_chain_whose_levels_all_live_runs(chain: ChainPlan) -> None:
    tell_descent(chain)
    with living(chain, 1, 2, 3):
        status = read_status(chain)
    assert status.state is ChainState.RUNNING
    assert all(status.lives(number) for number in (1, 2, 3))
    assert status.remarks == ()


def test_a_chain_that_is_being_made_descends(chain: ChainPlan) -> None:
    held = lifeline.hold(Path(chain.paths.lifeline(0)))
    assert read_status(chain).state is ChainState.DESCENDING
    tell(chain, (1, Phase.CREATE, State.BEGIN))
    with living(chain, 1):
        assert states(chain) == [LevelState.READY, LevelState.BOOTING, LevelState.BOOTING]
    os.close(held)


def test_a_chain_whose_client_died_goes_on_descending(chain: ChainPlan) -> None:
    tell(chain, (1, Phase.CREATE, State.BEGIN))
    with living(chain, 1):
        assert read_status(chain).state is ChainState.DESCENDING


def test_a_chain_that_nobody_is_left_to_make_is_broken(chain: ChainPlan) -> None:
    status = read_status(chain)
    assert status.broken is not None
    assert (status.broken.level, status.state) == (1, ChainState.BROKEN)


def test_a_level_that_said_why_it_failed(chain: ChainPlan) -> None:
    tell_descent(chain)
    tell(chain, (2, Phase.DOCKERD, State.FAIL), message="dockerd ended with status -9")
    tell(chain, (2, Phase.UNWIND, State.END), (3, Phase.UNWIND, State.END))
    with living(chain, 1, 2, 3):
        pass
    with living(chain, 1):
        status = read_status(chain)
        assert states(chain) == [LevelState.READY, LevelState.FAILED, LevelState.UNWOUND]
    assert status.broken is not None
    assert (status.broken.level, status.broken.reason) == (2, "dockerd ended with status -9")


def test_levels_that_died_without_a_word_are_lost(chain: ChainPlan) -> None:
    tell_descent(chain)
    with living(chain, 1, 2, 3):
        pass
    status = read_status(chain)
    assert status.broken is not None
    assert status.broken.level == 1
    assert states(chain) == [LevelState.LOST] * 3


def test_a_level_that_could_still_speak_does_not_answer_for_one_above_it(chain: ChainPlan) -> None:
    tell_descent(chain)
    tell(chain, (3, Phase.DOCKERD, State.FAIL), message="dockerd ended with status -9")
    with living(chain, 1, 2, 3):
        pass
    with living(chain, 1):
        status = read_status(chain)
    assert status.broken is not None
    assert (status.broken.level, status.broken.reason) == (2, "its runner is gone without a word")


def test_a_level_that_let_go_of_its_lifeline_unwinds(chain: ChainPlan) -> None:
    tell_descent(chain)
    with living(chain, 1, 2), living(chain, 3, unwinding=True):
        assert read_status(chain).state is ChainState.UNWINDING


def test_a_chain_on_its_way_up_is_not_broken(chain: ChainPlan) -> None:
    tell_descent(chain)
    with living(chain, 3):
        pass
    tell(chain, (3, Phase.UNWIND, State.END))
    with living(chain, 1), living(chain, 2, unwinding=True):
        assert read_status(chain).state is ChainState.UNWINDING


def test_a_failure_is_forgotten_when_its_level_is_made_anew(chain: ChainPlan) -> None:
    tell_descent(chain)
    tell(chain, (3, Phase.CREATE, State.FAIL), message="no room")
    tell(chain, (3, Phase.CREATE, State.BEGIN), (3, Phase.READY, State.END))
    with living(chain, 1, 2, 3):
        assert read_status(chain).state is ChainState.RUNNING


def test_a_failure_of_a_level_that_the_plan_has_not_any_more_is_none(chain: ChainPlan) -> None:
    tell_descent(chain)
    tell(chain, (3, Phase.CREATE, State.FAIL), message="no room")
    smaller = replace(chain, levels=chain.levels[:2])
    with living(smaller, 1, 2):
        assert read_status(smaller).state is ChainState.RUNNING


@pytest.mark.parametrize("lines", [0, 1, 2, 3])
@pytest.mark.parametrize("torn", [0, 40])
def test_an_event_file_cut_short_is_told_and_breaks_nothing(chain: ChainPlan, lines: int, torn: int) -> None:
    tell_descent(chain)
    whole = Path(chain.paths.events).read_bytes().splitlines(keepends=True)
    os.truncate(chain.paths.events, sum(map(len, whole[:lines])) + torn)
    with living(chain, 1, 2, 3):
        status = read_status(chain)
    assert status.state is ChainState.RUNNING
    assert "cut short" in status.remarks[0]


def test_what_happens_after_the_event_file_was_cut_is_known(chain: ChainPlan) -> None:
    tell_descent(chain)
    os.truncate(chain.paths.events, 40)
    tell(chain, (2, Phase.DOCKERD, State.FAIL), message='it said {"time_s"')
    with living(chain, 1):
        status = read_status(chain)
    assert status.broken is not None
    assert (status.broken.level, status.broken.reason) == (2, 'it said {"time_s"')


def test_a_clock_set_forward_ages_nobody(chain: ChainPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    tell_descent(chain)
    year_s = 365 * 86_400
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + year_s)
    tell(chain, (1, Phase.DOCKERD, State.NOTE), message="later", jump_s=year_s)
    with living(chain, 1, 2, 3):
        status = read_status(chain)
    assert status.state is ChainState.RUNNING
    assert all(level.age_s is not None and level.age_s < 60 for level in status.levels)


def test_looking_does_not_keep_a_runner_from_its_lifeline(tmp_path: Path) -> None:
    path = tmp_path / "lifeline"
    path.touch()
    looked = os.open(path, os.O_RDONLY)
    fcntl.flock(looked, fcntl.LOCK_SH)
    threading.Timer(0.1, os.close, (looked,)).start()
    os.close(lifeline.hold(path))


def test_the_only_chain_needs_no_name(chain: ChainPlan, tmp_path: Path) -> None:
    assert find_chain(None, tmp_path).name == chain.name
    assert [it.name for it in list_chains(tmp_path)] == [chain.name]


def test_several_chains_are_named_to_whoever_named_none(chain: ChainPlan, tmp_path: Path) -> None:
    other = replace(chain, name="other", run_directory=str(tmp_path / "other"))
    (tmp_path / "other").mkdir()
    save_plan(other)
    with pytest.raises(UsageError, match="dream, other"):
        find_chain(None, tmp_path)


def test_an_unknown_chain_is_told_with_those_there_are(chain: ChainPlan, tmp_path: Path) -> None:
    with pytest.raises(ChainError, match=f"nowhere: there are {chain.name}"):
        find_chain("nowhere", tmp_path)


@pytest.mark.parametrize("name", ["../dream", "/etc", "dream/..", ".", "..", "Dream", "", "a" * 33])
def test_names_from_outside_lead_nowhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a chain"):
        find_chain(name, tmp_path)


def test_what_is_no_chain_is_none(tmp_path: Path) -> None:
    (tmp_path / "half").mkdir()
    (tmp_path / "No Chain").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "plan.json").write_text('{"version": 1}')
    assert chain_names(tmp_path) == ["broken"]
    assert list_chains(tmp_path) == []
    assert list_chains(tmp_path / "nowhere") == []
