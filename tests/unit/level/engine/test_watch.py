from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any, cast

import pytest

from inception.level.engine import watch as engine_watch
from inception.level.engine.watch import MAX_DISK_NOTES, MAX_RESTARTS, RESTART_WINDOW_S, Allowance, EngineWatch
from tests.factories.plans import plan


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
