from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from inception.level.standby.handover import Handover, give, stand_by, take_back, watch_words
from inception.level.standby.program import RELEASED
from tests.factories.plans import plan

PLAN = plan(8)
HANDOVER = Handover(
    plan=PLAN,
    plan_text=PLAN.to_json(),
    containerd=8,
    dockerd=9,
    image_id="sha256:1",
    own_lifeline=5,
    alive=6,
    children={4: True, 7: False},
    ttl_ends_s=12.5,
)


@pytest.fixture
def alive() -> int:
    """A descriptor that a program passes on."""
    return os.open(os.devnull, os.O_RDONLY)


@pytest.mark.parametrize("own", [True, False])
def test_handover_comes_back_and_its_locks_are_passed_on_no_more(alive: int, own: bool) -> None:
    given = replace(HANDOVER, alive=alive, own_lifeline=alive)
    plan_file = os.fdopen(os.memfd_create("plan"), "wb", closefd=False)
    taken = take_back(give(given, plan_file), str(alive) if own else RELEASED)
    assert taken == replace(given, own_lifeline=alive if own else None)
    assert not os.get_inheritable(alive)
    os.close(alive)


def test_runner_that_cannot_stand_by_passes_its_locks_on_to_nothing(
    alive: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed_on = []

    def execute(*_: object) -> None:
        passed_on.append(os.get_inheritable(alive))
        raise MemoryError

    monkeypatch.setattr(os, "execv", execute)
    with pytest.raises(MemoryError):
        stand_by(3, replace(HANDOVER, alive=alive, own_lifeline=alive), Path("/data"))
    assert passed_on == [True]
    assert not os.get_inheritable(alive)
    os.close(alive)


def test_all_that_the_runner_watches_is_watched() -> None:
    words = list(watch_words(3, HANDOVER, Path("/data")))
    paths = HANDOVER.plan.paths
    assert f"above={paths.lifeline(2)}" in words
    assert {f"child={paths.alive(4)}", f"child={paths.alive(7)}", "daemon=8", "daemon=9"} < set(words)
    assert {"own-lifeline=5", "ends=12.5", "data-root=/data", f"log={paths.log(3, 'dockerd')}"} < set(words)


def test_first_level_of_a_chain_that_stays_waits_for_no_client() -> None:
    detached = replace(HANDOVER, plan=replace(HANDOVER.plan, attached=False))
    assert not [word for word in watch_words(1, detached, Path("/data")) if word.startswith("above=")]
    assert [word for word in watch_words(2, detached, Path("/data")) if word.startswith("above=")]
    assert [word for word in watch_words(1, HANDOVER, Path("/data")) if word.startswith("above=")]
