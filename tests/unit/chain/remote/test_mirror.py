"""Apply reports to a run directory here, with fake sockets."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from inception.chain.remote.mirror import Mirror
from inception.chain.run_directory import make_level_directory
from inception.chain.status import LevelState, read_events, read_status
from inception.level.event_log import EventLog
from inception.linux import lifeline
from inception.plan.chain import ChainPlan
from inception.plan.events import Event, Phase, State
from inception.plan.formats.mirroring import CaughtUp, Clocks, FileChange, LockChange
from tests.factories.plans import FACTS, plan


class _Sockets:
    """Records which levels' sockets are open."""

    def __init__(self) -> None:
        self.open: list[int] = []

    def __call__(self, number: int) -> _Socket:
        self.open.append(number)
        return _Socket(self, number)


class _Socket:
    def __init__(self, sockets: _Sockets, number: int) -> None:
        self._sockets = sockets
        self._number = number

    def close(self) -> None:
        self._sockets.open.remove(self._number)


@pytest.fixture
def chain(tmp_path: Path) -> ChainPlan:
    made = replace(plan(2, replace(FACTS, run_root=str(tmp_path)), attached=False), remote=True)
    Path(made.paths.level(0)).mkdir(parents=True)
    for number in (1, 2):
        make_level_directory(made, number)
    Path(made.paths.events).touch()
    return made


@pytest.fixture
def sockets() -> _Sockets:
    return _Sockets()


@pytest.fixture
def mirror(chain: ChainPlan, sockets: _Sockets) -> Mirror:
    return Mirror(chain, sockets)


def event(level: int, phase: Phase, state: State) -> Event:
    return Event(time_s=100.0, monotonic_s=10.0, level=level, phase=phase, state=state)


def events(*listed: Event, whole: bool = False) -> FileChange:
    return FileChange("events.jsonl", whole=whole, data="".join(it.to_line() for it in listed).encode())


def test_a_level_is_ready_here_as_long_as_its_locks_are_held_there(
    chain: ChainPlan, mirror: Mirror, sockets: _Sockets
) -> None:
    mirror.apply(LockChange("1/lifeline", held=True, ready=False))
    mirror.apply(LockChange("1/alive", held=True, ready=False))
    assert read_status(chain).levels[0].state is LevelState.BOOTING
    assert sockets.open == []
    mirror.apply(LockChange("1/alive", held=True, ready=True))
    assert read_status(chain).levels[0].state is LevelState.READY
    assert sockets.open == [1]
    mirror.apply(LockChange("1/lifeline", held=False, ready=False))
    assert read_status(chain).levels[0].state is LevelState.UNWINDING
    mirror.apply(LockChange("1/alive", held=False, ready=False))
    assert read_status(chain).levels[0].state is LevelState.LOST
    assert sockets.open == []


def test_levels_that_are_new_are_mirrored_too(chain: ChainPlan, mirror: Mirror, sockets: _Sockets) -> None:
    mirror.apply(LockChange("3/alive", held=True, ready=True))
    mirror.apply(FileChange("3/dockerd.log", whole=True, data=b"one\n"))
    assert lifeline.is_held(Path(chain.paths.alive(3)))
    assert sockets.open == [3]
    mirror.close()
    assert not lifeline.is_held(Path(chain.paths.alive(3)))
    assert sockets.open == []


def test_logs_grow_and_begin_anew(chain: ChainPlan, mirror: Mirror) -> None:
    log = Path(chain.paths.log(2, "runner"))
    mirror.apply(FileChange("2/runner.log", whole=True, data=b"one\n"))
    mirror.apply(FileChange("2/runner.log", whole=False, data=b"two\n"))
    assert log.read_bytes() == b"one\ntwo\n"
    mirror.apply(FileChange("2/runner.log", whole=True, data=b"three\n"))
    assert log.read_bytes() == b"three\n"
    mirror.apply(FileChange("7/runner.log", whole=True, data=b"of a level whose directory is removed\n"))
    assert not Path(chain.paths.level(7)).exists()


def test_events_have_times_of_the_clocks_here(chain: ChainPlan, mirror: Mirror) -> None:
    mirror.apply(Clocks(time_s=90.0, monotonic_s=5.0))
    change = events(event(1, Phase.READY, State.BEGIN), whole=True)
    mirror.apply(change._replace(data=change.data[:10]))
    mirror.apply(change._replace(whole=False, data=change.data[10:]))
    (read,) = read_events(Path(chain.paths.events))
    assert read.time_s == pytest.approx(time.time() + 10, abs=5)
    assert read.monotonic_s == pytest.approx(time.monotonic() + 5, abs=5)


def test_a_second_mirror_keeps_what_the_client_reported_and_repeats_nothing(
    chain: ChainPlan, mirror: Mirror, sockets: _Sockets
) -> None:
    with EventLog(chain.paths, 0).phase(Phase.CREATE, level=1):
        pass
    all_there = (event(1, Phase.READY, State.END), event(2, Phase.CREATE, State.BEGIN))
    for one in (mirror, Mirror(chain, sockets)):
        one.apply(events(*all_there, whole=True))
    found = [(it.level, it.phase, it.state) for it in read_events(Path(chain.paths.events))]
    assert found == [
        (1, Phase.CREATE, State.BEGIN),
        (1, Phase.CREATE, State.END),
        (1, Phase.READY, State.END),
        (2, Phase.CREATE, State.BEGIN),
    ]


@pytest.mark.parametrize(
    ("listed", "unwound"),
    [
        ([], False),
        ([event(2, Phase.UNWIND, State.END)], False),
        ([event(2, Phase.UNWIND, State.END), event(1, Phase.UNWIND, State.END)], True),
        ([event(2, Phase.READY, State.FAIL), event(1, Phase.UNWIND, State.END)], False),
    ],
)
def test_a_chain_has_unwound_once_level_1_has_and_nothing_failed(
    mirror: Mirror, listed: list[Event], *, unwound: bool
) -> None:
    mirror.apply(events(*listed, whole=True))
    mirror.apply(CaughtUp())
    assert mirror.unwound is unwound
