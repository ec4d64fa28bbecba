"""A chain from outside, its engine made up: what becomes of one that cannot say how it failed."""

from __future__ import annotations

import errno
import os
import threading
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
    """Starts a level 1 that ends at once, with a status of its own."""

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
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ChainPlan:
    monkeypatch.setattr(module, "create_level", lambda *_: "level 1")
    return replace(plan(1), run_directory=str(tmp_path / "runs" / "dream"))


@pytest.mark.parametrize(
    ("status", "reason"), [(RunnerExit.FAILED_UNREPORTED, UNREPORTED), (137, "its runner ended unexpectedly")]
)
def test_a_level_1_that_is_gone_without_a_word_is_shown_and_raised(
    made_up: ChainPlan, status: int, reason: str
) -> None:
    shown: list[Event] = []
    with pytest.raises(LevelError, match=reason), running(_engine(status), made_up, shown.append):
        pass
    (failure,) = [event for event in shown if event.state is State.FAIL]
    assert (failure.level, failure.message) == (1, reason)


def test_the_end_of_a_chain_that_is_given_up_on_the_way_down_is_no_news(
    made_up: ChainPlan, monkeypatch: pytest.MonkeyPatch
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
    with pytest.raises(Interrupted), running(_engine(0), made_up, shown.append):
        pass
    assert State.FAIL not in {event.state for event in shown}


def test_a_client_that_cannot_write_an_event_does_not_wait_for_one(
    made_up: ChainPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_log: EventLog, _line: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(EventLog, "_append", full)
    shown: list[Event] = []
    with pytest.raises(LevelError, match="No space left"), running(_engine(0), made_up, shown.append):
        pass
    assert [event.state for event in shown] == [State.FAIL]


def test_a_run_directory_that_cannot_be_made_is_named(made_up: ChainPlan) -> None:
    nowhere = replace(made_up, run_directory="/dev/null/dream")
    with (
        pytest.raises(ChainError, match=r"/dev/null/dream cannot be made: .*INCEPTION_RUN_ROOT"),
        running(_engine(0), nowhere, lambda _: None),
    ):
        pass
