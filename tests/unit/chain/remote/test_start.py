"""When a mirror process is started, and what happens to a chain whose engine does not answer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from inception.chain.leftovers import leftovers_in_run_root
from inception.chain.remote import start as module
from inception.chain.remote.start import client_lock, ensure_mirror, mirror_lock, start_mirror
from inception.chain.run_directory import make_run_directory
from inception.chain.status import ChainState, LevelState, find_chain, list_chains
from inception.errors import EngineError
from inception.linux import lifeline
from inception.plan.chain import ChainPlan
from tests.factories.plans import FACTS, plan


class _Background:
    """Stands for the start of processes: the words of each, and what each says."""

    def __init__(self) -> None:
        self.started: list[tuple[str, ...]] = []
        self.failure: str | None = None

    def __call__(self, _module: str, *arguments: str) -> str | None:
        self.started.append(arguments)
        return self.failure


@pytest.fixture
def background(monkeypatch: pytest.MonkeyPatch) -> _Background:
    made = _Background()
    monkeypatch.setattr(module, "start_background", made)
    return made


def chain(root: Path, *, attached: bool = False, remote: bool = True) -> ChainPlan:
    made = replace(plan(2, replace(FACTS, run_root=str(root)), attached=attached), remote=remote)
    os.close(make_run_directory(made))
    return made


@contextmanager
def held(path: Path) -> Iterator[None]:
    descriptor = lifeline.hold(path)
    try:
        yield
    finally:
        os.close(descriptor)


def test_the_mirror_process_of_a_detached_chain_is_started_where_none_runs(
    tmp_path: Path, background: _Background
) -> None:
    made = chain(tmp_path)
    with held(mirror_lock(made)):
        ensure_mirror(made)
    with held(Path(made.paths.lifeline(0))):
        ensure_mirror(made)
    assert background.started == []
    ensure_mirror(made)
    assert background.started == [("watch", made.run_directory)]


@pytest.mark.parametrize("kind", [{"attached": True}, {"remote": False}])
def test_other_chains_need_none(tmp_path: Path, background: _Background, kind: dict[str, bool]) -> None:
    ensure_mirror(chain(tmp_path, **kind))
    assert background.started == []


@pytest.mark.parametrize(("attached", "what"), [(True, "hold"), (False, "watch")])
def test_an_attached_chain_has_its_lifeline_held(
    tmp_path: Path, background: _Background, *, attached: bool, what: str
) -> None:
    made = chain(tmp_path, attached=attached)
    start_mirror(made)
    assert background.started == [(what, made.run_directory)]
    assert client_lock(made).parent == mirror_lock(made).parent == Path(made.paths.level(0))


def test_a_mirror_process_that_fails_gives_its_reason(tmp_path: Path, background: _Background) -> None:
    made = chain(tmp_path)
    background.failure = "no Docker engine answers"
    with pytest.raises(EngineError, match=r"^no Docker engine answers$"):
        start_mirror(made)
    background.failure = ""
    with pytest.raises(EngineError, match="the mirror process of chain dream ended before it began"):
        start_mirror(made)


def test_a_chain_whose_engine_does_not_answer_is_listed_and_is_no_leftover(
    tmp_path: Path, background: _Background
) -> None:
    chain(tmp_path)
    background.failure = "no Docker engine answers"
    (status,) = list_chains(tmp_path)
    assert (status.state, status.levels[0].state) == (ChainState.UNREACHABLE, LevelState.LOST)
    assert status.broken is not None
    assert status.broken.reason == "no Docker engine answers"
    with pytest.raises(EngineError, match="no Docker engine answers"):
        find_chain("dream", tmp_path)
    assert list(leftovers_in_run_root(tmp_path)) == []
    background.failure = None
    assert [it.chain for it in leftovers_in_run_root(tmp_path)] == ["dream"]
