"""A level's children start and end side by side, and one that fails leaves the others alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest.mock import Mock

import pytest

from inception.level import children
from inception.level.children import Children, ChildSlot
from inception.level.event_log import EventLog
from inception.level.failure import LevelFailure
from inception.level.mailbox import Message
from inception.plan.chain import ChainPlan
from inception.plan.events import Event, State
from tests.factories.plans import FACTS, plan
from tests.factories.trees import tree

_LIMIT_S = 10.0


class FakeChild:
    """Stands for the container of a level; `ends` has its exit status once it ends."""

    made: dict[int, FakeChild] = {}  # noqa: RUF012 emptied for each test
    failing: set[int] = set()  # noqa: RUF012 the same
    together: threading.Barrier | None = None

    def __init__(self, _plan: ChainPlan, number: int, _events: EventLog) -> None:
        self.number = number
        self.ended = threading.Event()
        self.status = 0
        self.removed = False
        self.made[number] = self

    def start(self, _image: str, _restore: Callable[[], str]) -> None:
        if FakeChild.together is not None:
            FakeChild.together.wait(_LIMIT_S)  # Passed only if all are started at once.
        if self.number in self.failing:
            raise LevelFailure("reported")

    def wait(self) -> int:
        self.ended.wait()
        return self.status

    def end(self, status: int) -> None:
        self.status = status
        self.ended.set()

    def outlive(self, *, container_too: bool) -> None:
        assert container_too
        assert self.ended.wait(_LIMIT_S)

    def remove(self) -> None:
        self.removed = True


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "ChildLevel", FakeChild)
    FakeChild.made, FakeChild.failing, FakeChild.together = {}, set(), None


@pytest.fixture
def chain(tmp_path: Path) -> ChainPlan:
    made = tree(replace(FACTS, run_root=str(tmp_path)))
    for number in range(8):
        Path(made.paths.level(number)).mkdir(parents=True)
    return made


def _children(chain: ChainPlan, number: int, mailbox: Mock) -> Children:
    make_slot = partial(
        ChildSlot,
        image="sha256:1",
        restore_image=str,
        own_lifeline=Mock(),
        events=EventLog(chain.paths, number),
        shutdown=Mock(begun=False, acting=threading.RLock()),
        mailbox=mailbox,
    )
    return Children(chain, number, make_slot)


def test_siblings_start_at_once(chain: ChainPlan) -> None:
    FakeChild.together = threading.Barrier(3)
    _children(chain, 1, Mock()).converge(chain, fate_shared=False)
    assert sorted(FakeChild.made) == [2, 4, 7]


def test_one_that_cannot_start_fails_the_level_and_not_its_siblings(chain: ChainPlan) -> None:
    FakeChild.failing = {4}
    with pytest.raises(LevelFailure):
        _children(chain, 1, Mock()).converge(chain, fate_shared=False)
    assert not any(it.removed for it in FakeChild.made.values())


def test_one_that_dies_is_reported_and_removed_alone(chain: ChainPlan) -> None:
    told = threading.Event()
    mailbox = Mock(put=Mock(side_effect=lambda _: told.set()))
    below = _children(chain, 1, mailbox)
    below.converge(chain, fate_shared=False)
    FakeChild.made[4].end(137)
    assert told.wait(_LIMIT_S)
    mailbox.put.assert_called_once_with(Message.CHILD_ENDED)
    below.clear()
    assert {number: it.removed for number, it in FakeChild.made.items()} == {2: False, 4: True, 7: False}
    assert below.broken
    (event,) = [Event.from_line(line) for line in Path(chain.paths.events).read_text().splitlines()]
    assert (event.level, event.state) == (4, State.FAIL)


def test_all_are_waited_for(chain: ChainPlan) -> None:
    below = _children(chain, 1, Mock())
    below.converge(chain, fate_shared=False)
    ended = threading.Thread(target=below.outlive, kwargs={"container_too": True})
    ended.start()
    for number in (7, 2, 4):
        assert ended.is_alive()
        FakeChild.made[number].end(0)
    ended.join(_LIMIT_S)
    assert not ended.is_alive()


def test_nothing_is_started_once_the_level_unwinds(chain: ChainPlan) -> None:
    below = _children(chain, 1, Mock())
    for slot in below._slots:
        slot._shutdown.begun = True  # type: ignore[misc]
    below.converge(chain, fate_shared=False)
    assert FakeChild.made == {}


def test_a_bottom_of_a_tree_has_no_slot_and_that_of_a_line_an_empty_one(chain: ChainPlan, tmp_path: Path) -> None:
    assert _children(chain, 7, Mock())._slots == ()
    straight = plan(2, replace(FACTS, run_root=str(tmp_path)))
    below = _children(replace(straight, run_directory=chain.run_directory), 2, Mock())
    below.converge(straight, fate_shared=False)
    assert FakeChild.made == {}
    assert len(below._slots) == 1


@pytest.fixture
def straight(tmp_path: Path) -> ChainPlan:
    return plan(2, replace(FACTS, run_root=str(tmp_path)), attached=False)


def test_a_line_that_grows_and_shrinks_has_one_child_at_a_time(chain: ChainPlan, straight: ChainPlan) -> None:
    below = _children(replace(straight, run_directory=chain.run_directory), 2, Mock())
    deeper = replace(straight, levels=plan(3).levels)
    below.converge(deeper, fate_shared=False)
    (child,) = FakeChild.made.values()
    below.converge(deeper, fate_shared=False)
    assert list(FakeChild.made.values()) == [child], "it is there already"
    child.end(0)
    below.converge(straight, fate_shared=False)
    assert child.removed
    assert not below.broken, "its end was expected"
    below.converge(deeper, fate_shared=False)
    assert FakeChild.made[3] is not child


def test_a_child_that_cannot_start_is_cleared_and_may_be_tried_again(chain: ChainPlan, straight: ChainPlan) -> None:
    below = _children(replace(straight, run_directory=chain.run_directory), 2, Mock())
    deeper = replace(straight, levels=plan(3).levels)
    FakeChild.failing = {3}
    with pytest.raises(LevelFailure):
        below.converge(deeper, fate_shared=False)
    below.clear()
    assert FakeChild.made[3].removed
    FakeChild.failing = set()
    below.converge(deeper, fate_shared=False)
    below.clear()
    assert not FakeChild.made[3].removed, "it lives"
