"""Check the lines in which a running campaign tells the user how far it is, and what it cannot compare."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from inception.engine.connect import Engine
from inception.plan.events import Event, Phase, State
from inception.plan.light_dataclasses import replace
from inception.plan.request import Request
from inception.stress.campaign import Campaign
from inception.stress.execute import Execution
from inception.stress.inventory import Gap, Inventory
from tests.factories.plans import FACTS, plan


def _execution(said: list[str], *, depth: int = 1, chains: int = 1) -> Execution:
    client = SimpleNamespace(info=lambda: {"DockerRootDir": "/var/lib/docker"})
    engine = Engine(client=client, endpoint="unix:///x", local=True, private=False)  # type: ignore[arg-type]
    campaign = Campaign(request=Request(depth=depth, name="dream", image="x"), chains=chains)
    return Execution(engine, campaign, facts=FACTS, on_message=said.append)


def test_campaign_mentions_each_gap_once() -> None:
    said: list[str] = []
    execution = _execution(said)
    for _ in range(2):
        execution._mention_gaps(Inventory(frozenset(), frozenset({Gap("rule", "", "status 4")})))
    assert said == ["not looked at for leaks: rule: status 4"]


def test_levels_that_are_measured_are_told_of_every_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = SimpleNamespace(s=100.0)
    monkeypatch.setattr(time, "monotonic", lambda: now.s)
    said: list[str] = []
    execution, chain = _execution(said, depth=20), plan(20)
    for level in range(1, 21):
        now.s += 1.0
        execution._on_event(chain, _ready(level, now.s))
    for level in range(1, 21):
        now.s += 1.0
        execution._on_measured(chain, level)
    assert said[19:] == [
        "level 20 of 20 is ready, about 19 s to go",
        "level 6 of 20 is measured, about 14 s to go",
        "level 12 of 20 is measured, about 9 s to go",
        "level 18 of 20 is measured, about 5 s to go",
    ]


def test_levels_of_several_chains_are_not_told_of() -> None:
    said: list[str] = []
    execution = _execution(said, chains=2)
    execution._on_event(plan(1), _ready(1, 1.0))
    execution._on_measured(plan(1), 1)
    assert said == []


@pytest.mark.parametrize(("chains", "named"), [(1, ""), (2, "chain dream-2: ")])
def test_work_in_chains_is_told_of_every_few_seconds(monkeypatch: pytest.MonkeyPatch, chains: int, named: str) -> None:
    now = SimpleNamespace(s=100.0)
    monkeypatch.setattr(time, "monotonic", lambda: now.s)
    said: list[str] = []
    execution = _execution(said, chains=chains)
    for second in range(20):
        now.s += 1.0
        execution._on_work(replace(plan(1), name="dream-2"), f"soak: {second} of 20 s")
    assert said == [f"{named}soak: {second} of 20 s" for second in (0, 6, 12, 18)]


def _ready(level: int, monotonic_s: float) -> Event:
    return Event(time_s=0.0, monotonic_s=monotonic_s, level=level, phase=Phase.READY, state=State.END)
