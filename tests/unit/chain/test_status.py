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

from inception.chain.plan_file import save_plan
from inception.chain.status import ChainState, LevelState, chain_names, find_chain, list_chains, read_status
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


def write_events(
    chain: ChainPlan, *steps: tuple[int, Phase, State], message: str | None = None, jump_s: float = 0
) -> None:
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


def write_descent(chain: ChainPlan, jump_s: float = 0) -> None:
    for level in range(1, _DEPTH + 1):
        write_events(chain, (level, Phase.CREATE, State.BEGIN), (level, Phase.READY, State.END), jump_s=jump_s)


def states(chain: ChainPlan) -> list[LevelState]:
    return [level.state for level in read_status(chain).levels]


def test_chain_with_all_levels_ready_is_running(chain: ChainPlan) -> None:
    write_descent(chain)
    with living(chain, 1, 2, 3):
        status = read_status(chain)
    assert status.state is ChainState.RUNNING
    assert all(status.is_ready(number) for number in (1, 2, 3))
    assert status.remarks == ()


def test_chain_with_a_client_and_booting_levels_is_descending(chain: ChainPlan) -> None:
    held = lifeline.hold(Path(chain.paths.lifeline(0)))
    assert read_status(chain).state is ChainState.DESCENDING
    write_events(chain, (1, Phase.CREATE, State.BEGIN))
    with living(chain, 1):
        assert states(chain) == [LevelState.READY, LevelState.BOOTING, LevelState.BOOTING]
    os.close(held)


def test_chain_with_a_live_level_and_no_client_is_descending(chain: ChainPlan) -> None:
    write_events(chain, (1, Phase.CREATE, State.BEGIN))
    with living(chain, 1):
        assert read_status(chain).state is ChainState.DESCENDING


def test_chain_without_client_and_levels_is_broken(chain: ChainPlan) -> None:
    status = read_status(chain)
    assert status.broken is not None
    assert (status.broken.level, status.state) == (1, ChainState.BROKEN)


def test_failed_level_gives_its_reason(chain: ChainPlan) -> None:
    write_descent(chain)
    write_events(chain, (2, Phase.DOCKERD, State.FAIL), message="dockerd ended with status -9")
    write_events(chain, (2, Phase.UNWIND, State.END), (3, Phase.UNWIND, State.END))
    with living(chain, 1, 2, 3):
        pass
    with living(chain, 1):
        status = read_status(chain)
        assert states(chain) == [LevelState.READY, LevelState.FAILED, LevelState.UNWOUND]
    assert status.broken is not None
    assert (status.broken.level, status.broken.reason) == (2, "dockerd ended with status -9")


def test_levels_that_died_without_an_event_are_lost(chain: ChainPlan) -> None:
    write_descent(chain)
    with living(chain, 1, 2, 3):
        pass
    status = read_status(chain)
    assert status.broken is not None
    assert (status.broken.level, status.broken.reason) == (1, "its runner ended without reporting why")
    assert states(chain) == [LevelState.LOST] * 3


def test_failure_below_a_lost_level_does_not_hide_the_lost_one(chain: ChainPlan) -> None:
    write_descent(chain)
    write_events(chain, (3, Phase.DOCKERD, State.FAIL), message="dockerd ended with status -9")
    with living(chain, 1, 2, 3):
        pass
    with living(chain, 1):
        status = read_status(chain)
    assert status.broken is not None
    assert (status.broken.level, status.broken.reason) == (2, "its runner has ended, and level 1 has yet to report why")


def test_level_that_released_its_lifeline_is_unwinding(chain: ChainPlan) -> None:
    write_descent(chain)
    with living(chain, 1, 2), living(chain, 3, unwinding=True):
        assert read_status(chain).state is ChainState.UNWINDING


def test_unwinding_chain_is_not_broken(chain: ChainPlan) -> None:
    write_descent(chain)
    with living(chain, 3):
        pass
    write_events(chain, (3, Phase.UNWIND, State.END))
    with living(chain, 1), living(chain, 2, unwinding=True):
        assert read_status(chain).state is ChainState.UNWINDING


def test_failure_is_forgotten_when_its_level_is_created_again(chain: ChainPlan) -> None:
    write_descent(chain)
    write_events(chain, (3, Phase.CREATE, State.FAIL), message="no room")
    write_events(chain, (3, Phase.CREATE, State.BEGIN), (3, Phase.READY, State.END))
    with living(chain, 1, 2, 3):
        assert read_status(chain).state is ChainState.RUNNING


def test_failure_of_a_level_outside_the_plan_is_ignored(chain: ChainPlan) -> None:
    write_descent(chain)
    write_events(chain, (3, Phase.CREATE, State.FAIL), message="no room")
    smaller = replace(chain, levels=chain.levels[:2])
    with living(smaller, 1, 2):
        assert read_status(smaller).state is ChainState.RUNNING


@pytest.mark.parametrize("lines", [0, 1, 2, 3])
@pytest.mark.parametrize("torn", [0, 40])
def test_truncated_event_file_is_a_remark_and_breaks_nothing(chain: ChainPlan, lines: int, torn: int) -> None:
    write_descent(chain)
    whole = Path(chain.paths.events).read_bytes().splitlines(keepends=True)
    os.truncate(chain.paths.events, sum(map(len, whole[:lines])) + torn)
    with living(chain, 1, 2, 3):
        status = read_status(chain)
    assert status.state is ChainState.RUNNING
    assert "truncated" in status.remarks[0]


def test_event_after_a_truncated_line_is_read(chain: ChainPlan) -> None:
    write_descent(chain)
    os.truncate(chain.paths.events, 40)
    write_events(chain, (2, Phase.DOCKERD, State.FAIL), message='it said {"time_s"')
    with living(chain, 1):
        status = read_status(chain)
    assert status.broken is not None
    assert (status.broken.level, status.broken.reason) == (2, 'it said {"time_s"')


def test_clock_set_forward_does_not_change_the_ages(chain: ChainPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    write_descent(chain)
    year_s = 365 * 86_400
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + year_s)
    write_events(chain, (1, Phase.DOCKERD, State.NOTE), message="later", jump_s=year_s)
    with living(chain, 1, 2, 3):
        status = read_status(chain)
    assert status.state is ChainState.RUNNING
    assert all(level.age_s is not None and level.age_s < 60 for level in status.levels)


def test_reading_a_lock_does_not_keep_a_runner_from_taking_it(tmp_path: Path) -> None:
    path = tmp_path / "lifeline"
    path.touch()
    looked = os.open(path, os.O_RDONLY)
    fcntl.flock(looked, fcntl.LOCK_SH)
    threading.Timer(0.1, os.close, (looked,)).start()
    os.close(lifeline.hold(path))


def test_find_chain_without_a_name_gives_the_only_chain(chain: ChainPlan, tmp_path: Path) -> None:
    assert find_chain(None, tmp_path).name == chain.name
    assert [it.name for it in list_chains(tmp_path)] == [chain.name]


def test_find_chain_without_a_name_lists_several_chains(chain: ChainPlan, tmp_path: Path) -> None:
    other = replace(chain, name="other", run_directory=str(tmp_path / "other"))
    (tmp_path / "other").mkdir()
    save_plan(other)
    with pytest.raises(UsageError, match="dream, other"):
        find_chain(None, tmp_path)


def test_find_chain_with_an_unknown_name_lists_the_chains(chain: ChainPlan, tmp_path: Path) -> None:
    with pytest.raises(ChainError, match=f"nowhere: there are {chain.name}"):
        find_chain("nowhere", tmp_path)


@pytest.mark.parametrize("name", ["../dream", "/etc", "dream/..", ".", "..", "Dream", "", "a" * 33])
def test_find_chain_refuses_an_invalid_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a chain"):
        find_chain(name, tmp_path)


def test_directories_without_a_valid_plan_are_not_listed(tmp_path: Path) -> None:
    (tmp_path / "half").mkdir()
    (tmp_path / "No Chain").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "plan.json").write_text('{"version": 1}')
    assert chain_names(tmp_path) == ["broken"]
    assert list_chains(tmp_path) == []
    assert list_chains(tmp_path / "nowhere") == []


def test_run_directory_at_another_path_than_the_levels_have_it_is_named(chain: ChainPlan, tmp_path: Path) -> None:
    moved = replace(chain, run_directory="/run/inception-elsewhere/dream")
    Path(chain.paths.plan).write_text(moved.to_json())
    (status,) = list_chains(tmp_path)
    assert status.broken is not None
    assert status.broken.reason.endswith("must be at /run/inception-elsewhere/dream")
