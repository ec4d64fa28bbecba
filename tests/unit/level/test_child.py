"""A child level whose engine has gone away ends all the same, and nothing more is reported to have failed."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest

from inception.level import child
from inception.level.api.client import NotFoundError
from inception.level.child import ChildLevel
from inception.level.event_log import EventLog
from inception.level.failure import LevelFailure
from inception.linux import lifeline
from inception.plan.chain import ChainPlan
from inception.plan.events import Event, State
from tests.factories.plans import FACTS, plan


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[ChainPlan]:
    """A chain of 2 whose level 1 has an engine that hangs up on everybody."""
    made = plan(2, replace(FACTS, run_root=str(tmp_path)))
    for number in (1, 2):
        Path(made.paths.level(number)).mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(made.paths.socket(1)))
        listener.listen()
        threading.Thread(target=_hang_up, args=(listener,), daemon=True).start()
        yield made
        listener.shutdown(socket.SHUT_RDWR)


def _hang_up(listener: socket.socket) -> None:
    with suppress(OSError):
        while True:
            listener.accept()[0].close()


def _child(chain: ChainPlan, *, started: bool) -> ChildLevel:
    made = ChildLevel(chain, 2, EventLog(chain.paths, 1))
    made._may_exist = True
    made._started = started
    return made


def _events(chain: ChainPlan) -> list[Event]:
    return [Event.from_line(line) for line in Path(chain.paths.events).read_text().splitlines()]


@pytest.mark.parametrize(("started", "container_too"), [(False, True), (False, False), (True, True), (True, False)])
def test_outlive_waits_for_a_level_whose_engine_is_gone(chain: ChainPlan, started: bool, container_too: bool) -> None:
    held = lifeline.hold(Path(chain.paths.alive(2)))
    threading.Timer(0.3, os.close, (held,)).start()
    begun_s = time.monotonic()
    _child(chain, started=started).outlive(container_too=container_too)
    assert time.monotonic() - begun_s > 0.2
    assert _events(chain) == []


@pytest.mark.parametrize(("container_too", "grace_s"), [(True, 0.4), (False, 60.0)])
def test_outlive_waits_for_the_container_only_where_it_has_to(
    chain: ChainPlan, container_too: bool, grace_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "POLL_S", 0.01)
    monkeypatch.setattr(child, "_ENGINE_GRACE_S", grace_s)  # The engine never says that the container has ended.
    os.close(lifeline.hold(Path(chain.paths.alive(2))))
    begun_s = time.monotonic()
    _child(chain, started=True).outlive(container_too=container_too)
    took_s = time.monotonic() - begun_s
    assert took_s > grace_s / 2 if container_too else took_s < grace_s / 2


def test_a_child_has_started_once_its_runner_has_held_its_lock(chain: ChainPlan) -> None:
    made = _child(chain, started=True)
    alive = Path(chain.paths.alive(2))
    alive.touch()  # The client has made it, and nobody has held it yet.
    before = made.started
    os.close(lifeline.hold(alive))
    assert (before, made.started) == (False, True)
    assert not _child(chain, started=False).started


@pytest.mark.parametrize("container_too", [True, False])
def test_outlive_reports_a_level_that_does_not_end_and_nothing_else(chain: ChainPlan, container_too: bool) -> None:
    impatient = replace(chain, limits=chain.limits.scaled(0.01))
    held = lifeline.hold(Path(chain.paths.alive(2)))
    _child(impatient, started=True).outlive(container_too=container_too)
    os.close(held)
    (event,) = _events(chain)
    assert event.message == "level 2 did not end in time and was killed"


class _EngineWithoutImage:
    """An engine that knows one image: the one that was loaded last."""

    def __init__(self) -> None:
        self.image = ""
        self.calls: list[str] = []

    def create(self, _client: object, _plan: ChainPlan, number: int, image: str) -> str:
        self.calls.append(f"create level {number} from {image}")
        if image != self.image:
            raise NotFoundError(404, "No such image")
        return "1"

    def restore(self) -> str:
        self.calls.append("load")
        self.image = "sha256:again"
        return self.image


def test_a_level_starts_though_the_image_was_removed_from_the_engine(
    chain: ChainPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = _EngineWithoutImage()
    monkeypatch.setattr(child, "create_level", engine.create)
    monkeypatch.setattr(child, "level_api", Mock())
    _child(chain, started=False).start("sha256:first", engine.restore)
    assert engine.calls == ["create level 2 from sha256:first", "load", "create level 2 from sha256:again"]
    assert State.FAIL not in [event.state for event in _events(chain)]


def test_a_level_from_an_image_that_the_client_has_loaded_is_made_from_its_name(
    chain: ChainPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = Mock()
    monkeypatch.setattr(child, "create_level", create)
    monkeypatch.setattr(child, "level_api", Mock())
    first, second = chain.levels
    other = replace(chain, levels=(first, replace(second, image="level:b")))
    _child(other, started=False).start("sha256:given", Mock(side_effect=AssertionError))
    assert create.call_args.args[2:] == (2, "level:b")
    create.side_effect = NotFoundError(404, "gone")
    with pytest.raises(LevelFailure):
        _child(other, started=False).start("sha256:given", Mock(side_effect=AssertionError))


def test_no_image_is_restored_where_the_engine_lacks_something_else(
    chain: ChainPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "create_level", Mock(side_effect=NotFoundError(404, "network bridge not found")))
    monkeypatch.setattr(child, "level_api", Mock())
    with pytest.raises(LevelFailure, match="network bridge not found"):
        _child(chain, started=False).start("sha256:given", Mock(side_effect=AssertionError))


def test_a_level_whose_image_cannot_be_restored_fails(chain: ChainPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = _EngineWithoutImage()
    monkeypatch.setattr(child, "create_level", engine.create)
    monkeypatch.setattr(child, "level_api", Mock())
    with pytest.raises(LevelFailure, match="No such image"):
        _child(chain, started=False).start("sha256:first", lambda: "sha256:other")


def test_remove_leaves_a_container_whose_engine_is_gone(chain: ChainPlan) -> None:
    _child(chain, started=False).remove()
