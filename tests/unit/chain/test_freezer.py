from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from inception.api import attach
from inception.chain.freezer import pause, resume, thaw
from inception.chain.level_paths import require_live_level
from inception.chain.plan_file import save_plan
from inception.chain.resize import shrink
from inception.chain.status import ChainState, read_status
from inception.chain.watching.inspect import inspect_levels
from inception.errors import ChainError
from inception.linux import lifeline
from inception.plan.chain import ChainPlan
from tests.factories.plans import FACTS, plan


@pytest.fixture
def chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ChainPlan]:
    """A chain of two levels whose runners live."""
    monkeypatch.setenv("INCEPTION_RUN_ROOT", str(tmp_path))
    made = plan(2, replace(FACTS, run_root=str(tmp_path)), attached=False)
    with ExitStack() as stack:
        for number in range(3):
            Path(made.paths.level(number)).mkdir(parents=True)
            stack.callback(os.close, lifeline.hold(Path(made.paths.lifeline(number))))
            alive = lifeline.hold(Path(made.paths.alive(number)))
            stack.callback(os.close, alive)
            lifeline.mark_ready(alive)
        save_plan(made)
        yield made


class FakeEngine:
    """An engine with level 1's container."""

    def __init__(self, plan: ChainPlan) -> None:
        self._plan = plan
        self.paused = False
        self.refuses = False

    def inspect_container(self, name: str) -> dict[str, Any]:
        del name
        environment = [f"INCEPTION_PLAN={self._plan.paths.plan}"]
        return {"Id": "one", "Config": {"Env": environment}, "State": {"Paused": self.paused}}

    def pause(self, container: str) -> None:
        assert container == "one"
        if self.refuses:
            raise docker.errors.APIError("no freezer")
        self.paused = True

    def unpause(self, container: str) -> None:
        assert container == "one"
        assert self.paused
        self.paused = False


def freeze(engine: FakeEngine, chain: ChainPlan) -> None:
    pause(engine, read_status(chain))  # type: ignore[arg-type]


def test_a_paused_chain_is_known_without_an_engine_until_it_is_resumed(chain: ChainPlan) -> None:
    engine = FakeEngine(chain)
    freeze(engine, chain)
    assert read_status(chain).state is ChainState.PAUSED
    resume(engine, chain)  # type: ignore[arg-type]
    assert (engine.paused, read_status(chain).state) == (False, ChainState.RUNNING)


def test_a_paused_chain_is_not_asked_for_anything(chain: ChainPlan) -> None:
    freeze(FakeEngine(chain), chain)
    said = "chain dream is paused: let it go on with: inception resume dream"
    for ask in (
        lambda: require_live_level(read_status(chain), None),
        lambda: shrink(chain, 1),
        lambda: attach("dream"),
        lambda: freeze(FakeEngine(chain), chain),
    ):
        with pytest.raises(ChainError, match=said):
            ask()
    assert [it.engine_version for it in inspect_levels(read_status(chain))] == [None, None]


def test_a_chain_that_the_engine_does_not_freeze_is_not_paused(chain: ChainPlan) -> None:
    engine = FakeEngine(chain)
    engine.refuses = True
    with pytest.raises(Exception, match="no freezer"):
        freeze(engine, chain)
    assert read_status(chain).state is ChainState.RUNNING


def test_a_chain_that_somebody_else_let_go_on_is_resumed_all_the_same(chain: ChainPlan) -> None:
    engine = FakeEngine(chain)
    freeze(engine, chain)
    engine.paused = False
    thaw(engine, chain)  # type: ignore[arg-type]
    assert read_status(chain).state is ChainState.RUNNING


def test_only_a_running_chain_is_paused_and_only_a_paused_one_resumed(chain: ChainPlan) -> None:
    with pytest.raises(ChainError, match="chain dream is not paused"):
        resume(FakeEngine(chain), chain)  # type: ignore[arg-type]
    Path(chain.paths.alive(2)).write_bytes(b"")
    with pytest.raises(ChainError, match="chain dream is descending"):
        freeze(FakeEngine(chain), chain)
