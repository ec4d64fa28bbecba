"""Run a chain on a fake engine, so that level 1 or the client fails in a chosen way."""

from __future__ import annotations

import errno
import os
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import docker
import pytest

from inception.chain import running as module
from inception.chain.running import running
from inception.errors import ChainError, Interrupted, LevelError
from inception.level.event_log import EventLog
from inception.plan.chain import ChainPlan
from inception.plan.events import Event, State
from inception.plan.protocol import UNREPORTED, RunnerExit
from tests.factories.plans import plan


class _Engine:
    """A fake engine: its level 1 ends at once with `status`."""

    def __init__(self, status: int) -> None:
        self._status = status

    def start(self, _container: str) -> None:
        pass

    def wait(self, _container: str, **_options: object) -> dict[str, int]:
        return {"StatusCode": self._status}

    def inspect_container(self, _container: str) -> dict[str, Any]:
        raise docker.errors.NotFound("no such container")


def _engine(status: int) -> docker.APIClient:
    return cast("docker.APIClient", _Engine(status))


@pytest.fixture
def fake_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ChainPlan:
    monkeypatch.setattr(module, "create_level", lambda *_: "level 1")
    return replace(plan(1), run_directory=str(tmp_path / "runs" / "dream"))


@pytest.mark.parametrize(
    ("status", "reason"), [(RunnerExit.FAILED_UNREPORTED, UNREPORTED), (137, "its runner ended unexpectedly")]
)
def test_level_1_that_ends_without_an_event_is_shown_and_raised(fake_plan: ChainPlan, status: int, reason: str) -> None:
    shown: list[Event] = []
    with pytest.raises(LevelError, match=reason), running(_engine(status), fake_plan, shown.append):
        pass
    (failure,) = [event for event in shown if event.state is State.FAIL]
    assert (failure.level, failure.message) == (1, reason)


def test_level_1_that_cannot_be_started_is_said_to_be_so_though_it_is_gone_first(
    fake_plan: ChainPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine removes a container that it could not start before it answers."""

    def refuse(_engine: _Engine, _container: str) -> None:
        time.sleep(0.5)
        raise docker.errors.APIError("invalid hostname")

    monkeypatch.setattr(_Engine, "start", refuse)
    said = "level 1 failed at start: invalid hostname"
    with pytest.raises(LevelError, match=said), running(_engine(0), fake_plan, lambda _: None):
        pass


def test_end_of_an_interrupted_descent_is_not_shown_as_a_failure(
    fake_plan: ChainPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_chain: module.RunningChain) -> None:
        raise Interrupted(2)

    monkeypatch.setattr(module.RunningChain, "wait_until_ready", interrupted)
    given_up = threading.Event()
    monkeypatch.setattr(_Engine, "wait", lambda *_, **__: given_up.wait(5) and {"StatusCode": 0})
    monkeypatch.setattr(module, "kick", lambda *_: None)
    real = module.RunningChain.unwind

    def unwind(chain: module.RunningChain) -> None:
        threading.Timer(0.1, given_up.set).start()
        real(chain)

    monkeypatch.setattr(module.RunningChain, "unwind", unwind)
    shown: list[Event] = []
    with pytest.raises(Interrupted), running(_engine(0), fake_plan, shown.append):
        pass
    assert State.FAIL not in {event.state for event in shown}


def test_client_that_cannot_write_an_event_fails_at_once(fake_plan: ChainPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_log: EventLog, _line: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(EventLog, "_append", full)
    shown: list[Event] = []
    with pytest.raises(LevelError, match="No space left"), running(_engine(0), fake_plan, shown.append):
        pass
    assert [event.state for event in shown] == [State.FAIL]


def test_run_directory_that_cannot_be_made_is_named_in_the_error(fake_plan: ChainPlan) -> None:
    nowhere = replace(fake_plan, run_directory="/dev/null/dream")
    with (
        pytest.raises(ChainError, match=r"/dev/null/dream cannot be made: .*INCEPTION_RUN_ROOT"),
        running(_engine(0), nowhere, lambda _: None),
    ):
        pass
