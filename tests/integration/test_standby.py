"""Runners of quiet levels stand by, and are back for whatever happens."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from inception.callbacks import ignore
from inception.chain.level_engines import level_client
from inception.chain.prepare import prepare
from inception.chain.resize import grow, shrink
from inception.chain.running import RunningChain, running, start_detached
from inception.chain.teardown import take_down
from inception.engine.connect import Engine
from inception.errors import LevelError
from inception.image.recipe import default_tag
from inception.plan.chain import LABEL_LEVEL, ChainPlan
from inception.plan.events import Event, Phase, State
from inception.plan.protocol import SIGNAL_UNWIND, Program
from inception.plan.request import Request
from tests.integration.conftest import runners_of, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("level_image", "unchanged_host")]

DEPTH = 3
LIMIT_S = 30
NAME = "quiet"
PRIVATE_KIB = 3500
"""More than a program takes that stands by, and a third of what a runner does."""


def _stands_by(process: Path) -> bool:
    return Program.STANDBY.encode() in (process / "cmdline").read_bytes()


def _await_standby(depth: int) -> None:
    def all_stand_by() -> bool:
        runners = runners_of(NAME)
        return len(runners) == depth and all(map(_stands_by, runners.values()))

    wait_for(all_stand_by, LIMIT_S, "not all runners stand by")


def _plan(engine: Engine, *, attached: bool = True, restart: bool = False) -> ChainPlan:
    request = Request(depth=DEPTH, name=NAME, image=default_tag(), attached=attached)
    plan = prepare(engine, request, print)
    return replace(plan, limits=replace(plan.limits, quiet_s=0.3), restart_engines=restart)


@contextmanager
def _quiet_chain(engine: Engine, on_event: Callable[[Event], None], *, restart: bool = False) -> Iterator[RunningChain]:
    """Give a chain whose runners all stand by; with `restart` they restart their engines."""
    with running(engine.client, _plan(engine, restart=restart), on_event) as chain:
        _await_standby(DEPTH)
        yield chain


def test_quiet_runners_stand_by_in_a_third_of_their_memory_and_unwind_in_order(engine: Engine) -> None:
    events: list[Event] = []
    with _quiet_chain(engine, events.append) as chain:
        for process in runners_of(NAME).values():
            rollup = dict(line.split(":", 1) for line in (process / "smaps_rollup").read_text().splitlines()[1:])
            assert int(rollup["Private_Dirty"].split()[0]) < PRIVATE_KIB
        with chain.client_of(DEPTH) as bottom:
            assert bottom.info()["Name"] == f"{NAME}-{DEPTH}"
    unwound = {it.level: it.monotonic_s for it in events if (it.phase, it.state) == (Phase.UNWIND, State.END)}
    assert sorted(unwound, key=unwound.__getitem__) == [3, 2, 1]
    assert not [it for it in events if it.state is State.FAIL]


@pytest.mark.parametrize("daemon", ["containerd", "dockerd"])
def test_daemon_that_dies_under_a_runner_that_stands_by_ends_the_chain(engine: Engine, daemon: str) -> None:
    error = _end_of_chain(engine, lambda _: _kill_daemon(2, daemon))
    assert (error.level, error.phase) == (2, Phase(daemon))
    assert f"{daemon} ended with status -9" in str(error)


def test_child_level_that_dies_under_a_runner_that_stands_by_is_reported(engine: Engine) -> None:
    error = _end_of_chain(engine, lambda _: os.kill(int(runners_of(NAME)[3].name), signal.SIGKILL))
    assert error.level == 3
    assert "its runner ended unexpectedly, with status 137" in str(error)


@pytest.mark.parametrize(
    ("number", "reason"),
    [(signal.SIGTERM, "the engine above stopped it (SIGTERM)"), (SIGNAL_UNWIND, "it was ended on purpose")],
)
def test_signal_comes_to_a_runner_that_stands_by(engine: Engine, number: signal.Signals, reason: str) -> None:
    error = _end_of_chain(engine, lambda it: engine.client.kill(it.plan.level(1).container, number.name))
    assert reason in str(error)


def test_dockerd_is_restarted_by_a_runner_that_stood_by(engine: Engine) -> None:
    events: list[Event] = []
    with _quiet_chain(engine, events.append, restart=True) as chain:
        _kill_daemon(2, "dockerd")
        wait_for(lambda: any("level 3 kept" in (it.message or "") for it in events), LIMIT_S, "dockerd is gone")
        chain.check()
        with chain.client_of(2) as client:
            assert [it["Labels"][LABEL_LEVEL] for it in client.containers()] == ["3"]


def test_chain_whose_runners_stand_by_shrinks_and_grows(engine: Engine) -> None:
    plan = _plan(engine, attached=False)
    start_detached(engine.client, plan, ignore)
    try:
        _await_standby(DEPTH)
        smaller = shrink(plan, 1)
        _await_standby(DEPTH - 1)
        grow(smaller, 1, ignore)
        _await_standby(DEPTH)
        with level_client(plan, DEPTH) as bottom:
            assert bottom.info()["Name"] == f"{NAME}-{DEPTH}"
    finally:
        take_down(engine.client, plan)


def _kill_daemon(level: int, name: str) -> None:
    """Kill a daemon of a level: a child of the level's runner."""
    for task in (runners_of(NAME)[level] / "task").iterdir():
        for child in (task / "children").read_text().split():
            if Path("/proc", child, "comm").read_text().strip() == name:
                os.kill(int(child), signal.SIGKILL)
                return
    raise AssertionError(f"level {level} has no {name}")


def _end_of_chain(engine: Engine, end: Callable[[RunningChain], None]) -> LevelError:
    """Return the error with which a chain ends when `end` is called and its runners stand by."""

    def await_end() -> None:
        with _quiet_chain(engine, print) as chain:
            end(chain)
            deadline = time.monotonic() + LIMIT_S
            while time.monotonic() < deadline:
                chain.check()
                time.sleep(0.02)

    with pytest.raises(LevelError) as found:
        await_end()
    return found.value
