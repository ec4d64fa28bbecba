from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from inception.level.engine import watch as engine_watch
from inception.level.engine.watch import MAX_DISK_NOTES, MAX_RESTARTS, RESTART_WINDOW_S, Allowance, EngineWatch
from inception.plan.events import State
from tests.factories.plans import FACTS, plan


def test_restarts_are_limited_within_their_window() -> None:
    now_s = 100.0
    restarts = Allowance(MAX_RESTARTS, RESTART_WINDOW_S, lambda: now_s)
    assert [restarts.take_one() for _ in range(MAX_RESTARTS + 1)] == [True] * MAX_RESTARTS + [False]
    now_s += RESTART_WINDOW_S - 1
    assert not restarts.take_one()


def test_restarts_before_the_window_do_not_count() -> None:
    now_s = 100.0
    restarts = Allowance(MAX_RESTARTS, RESTART_WINDOW_S, lambda: now_s)
    for _ in range(3 * MAX_RESTARTS):
        assert restarts.take_one()
        now_s += RESTART_WINDOW_S / MAX_RESTARTS


def test_watch_rotates_logs_and_makes_few_notes_of_a_data_root_at_the_edge_of_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    polls = iter(range(100))
    engine = SimpleNamespace(stopping=False, data_root=None)

    def is_full(_: object) -> bool:
        poll = next(polls)
        engine.stopping = poll == 99
        return poll % 2 == 0

    monkeypatch.setattr(engine_watch, "is_full", is_full)
    monkeypatch.setattr(engine_watch, "FILES_POLL_S", 0.0)
    rotated: set[str] = set()
    monkeypatch.setattr(engine_watch, "rotate", lambda log: rotated.add(log.name))
    notes: list[str] = []
    events = SimpleNamespace(note=lambda _phase, message: notes.append(message))
    shutdown = SimpleNamespace(acting=threading.RLock())
    watch = EngineWatch(cast("Any", engine), plan(), 1, cast("Any", events), cast("Any", shutdown))
    watch._watch_files()
    assert len(notes) == MAX_DISK_NOTES
    assert rotated == {"runner.log", "containerd.log", "dockerd.log"}


def test_a_daemon_that_dies_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    chain = plan(facts=replace(FACTS, run_root=str(tmp_path)))
    log = Path(chain.paths.log(1, "dockerd"))
    log.parent.mkdir(parents=True)
    log.write_text("API listen on docker.sock\nruntime: failed to create new OS thread (have 5 already; errno=11)\n")
    reported: list[tuple[State, dict[str, object]]] = []
    events = SimpleNamespace(write=lambda _phase, state, **rest: reported.append((state, rest)))
    shutdown = SimpleNamespace(acting=threading.RLock(), begun=False, request=lambda *_, **__: None)
    engine = SimpleNamespace(stopping=False)
    dockerd = SimpleNamespace(name="dockerd", process=SimpleNamespace(wait=lambda: 2))
    watch = EngineWatch(cast("Any", engine), chain, 1, cast("Any", events), cast("Any", shutdown))
    watch._watch(cast("Any", dockerd))
    crash = ("runtime: failed to create new OS thread (have 5 already; errno=11)",)
    assert reported == [(State.FAIL, {"message": "dockerd ended with status 2", "log_tail": crash})]
