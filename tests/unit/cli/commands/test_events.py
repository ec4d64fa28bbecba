from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from inception.chain.plan_file import save_plan
from inception.chain.status import LevelState
from inception.chain.watching.activity import Activity
from inception.cli.commands.events import event_line, has_ended
from inception.cli.commands.top import rows
from inception.cli.main import run_arguments
from inception.linux import lifeline
from inception.plan.chain import ChainPlan
from inception.plan.events import Event, Phase, State
from tests.factories.plans import FACTS, plan
from tests.factories.trees import tree

EVENT = Event(time_s=0.25, monotonic_s=1.0, level=2, phase=Phase.DOCKERD, state=State.FAIL, seconds=1.5, message="no")


@pytest.fixture
def chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ChainPlan:
    monkeypatch.setenv("INCEPTION_RUN_ROOT", str(tmp_path))
    made = plan(1, replace(FACTS, run_root=str(tmp_path)), attached=False)
    for number in (0, 1):
        Path(made.paths.level(number)).mkdir(parents=True)
    save_plan(made)
    Path(made.paths.events).write_text(EVENT.to_line() + replace(EVENT, message=None).to_line())
    return made


def test_an_event_is_a_line_with_time_level_phase_duration_and_message() -> None:
    made = plan(2)
    assert event_line(made, EVENT).endswith(":00.250  level 2  dockerd fails  after 1.500 s: no")
    assert event_line(made, replace(EVENT, seconds=None, message=None)).endswith(":00.250  level 2  dockerd fails")


def test_an_event_in_a_tree_names_the_path_of_its_level() -> None:
    assert "  level 3 host/a/3  dockerd fails" in event_line(tree(), replace(EVENT, level=3))
    # Levels can write what they like.
    assert "  level 99999999999  dockerd fails" in event_line(tree(), replace(EVENT, level=99999999999))


def test_events_of_a_branch_are_those_of_its_levels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("INCEPTION_RUN_ROOT", str(tmp_path))
    made = tree(replace(FACTS, run_root=str(tmp_path)))
    for number in range(8):
        Path(made.paths.level(number)).mkdir(parents=True)
    save_plan(made)
    Path(made.paths.events).write_text("".join(replace(EVENT, level=it).to_line() for it in range(8)))
    for path, levels in (("dream/b", [4, 5, 6]), ("dream/a/3", [3]), ("dream", [0, 1, 2, 3, 4, 5, 6, 7])):
        assert run_arguments(["events", path, "--json"]) == 0
        assert [json.loads(line)["level"] for line in capsys.readouterr().out.splitlines()] == levels
    assert run_arguments(["events", "dream/e"]) == 2
    assert "chain dream has no level e: see: inception tree dream" in capsys.readouterr().err


@pytest.mark.usefixtures("chain")
def test_events_end_with_the_chain(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_arguments(["events", "dream"]) == 0
    assert capsys.readouterr().out.count("level 2  dockerd fails") == 2


def test_events_that_are_not_followed_end_while_the_chain_lives(
    chain: ChainPlan, capsys: pytest.CaptureFixture[str]
) -> None:
    alive = lifeline.hold(Path(chain.paths.alive(1)))
    try:
        assert not has_ended(chain)
        assert run_arguments(["events", "dream", "--json", "--no-follow"]) == 0
    finally:
        os.close(alive)
    assert has_ended(chain)
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["phase"] for line in lines] == ["dockerd", "dockerd"]


def test_a_level_that_does_not_answer_is_a_row_too() -> None:
    _, first, second = rows(
        plan(2),
        (
            Activity(number=1, state=LevelState.READY, cpu=0.256, memory=73_000_000, tasks=40, containers=("a", "b")),
            Activity(number=2, state=LevelState.BOOTING),
        ),
    )
    assert first == ("1", "ready", "26%", "73.0 MB", "40", "a, b")
    assert second == ("2", "booting", "-", "-", "-", "-")


def test_a_row_of_a_tree_has_the_path_of_its_level() -> None:
    levels = tuple(Activity(number=number, state=LevelState.BOOTING) for number in (1, 2, 3))
    assert [it[0] for it in rows(tree(), levels)] == ["LEVEL", "1 host", "2 host/a", "3 host/a/3"]
