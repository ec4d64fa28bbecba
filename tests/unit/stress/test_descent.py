"""The work at the bottom says how far it is, and a failure in its midst is recorded as the level's that failed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from unittest.mock import Mock

import pytest

from inception.errors import LevelError
from inception.plan.chain import ChainPlan
from inception.plan.events import Event, Phase, State
from inception.plan.light_dataclasses import replace
from inception.stress import descent, workload
from inception.stress.campaign import Campaign, ChainTask
from inception.stress.report.record import ChainRecord
from inception.stress.workload import Level
from tests.factories.plans import plan as make_plan
from tests.factories.plans import request as make_request

DEPTH = 3
CAMPAIGN = Campaign(request=make_request(DEPTH))


def ready(level: int) -> Event:
    return Event(time_s=1.0, monotonic_s=time.monotonic(), level=level, phase=Phase.READY, state=State.END)


def descend(
    monkeypatch: pytest.MonkeyPatch,
    *,
    check: Callable[[], None],
    campaign: Campaign = CAMPAIGN,
    on_work: Callable[[ChainPlan, str], None] = lambda _plan, _line: None,
) -> ChainRecord:
    """Descend to a bottom whose engine refuses connections; `check` is the chain's own."""

    @contextmanager
    def running(_host: object, _plan: ChainPlan, on_event: Callable[[Event], None]) -> Iterator[SimpleNamespace]:
        for level in range(1, DEPTH + 1):
            on_event(ready(level))
        yield SimpleNamespace(check=check)

    monkeypatch.setattr(descent, "running", running)
    monkeypatch.setattr(Level, "reach_level_0", Mock(side_effect=ConnectionRefusedError("Connection refused")))
    monkeypatch.setattr(descent, "_REPORT_LIMIT_S", 0.1)
    plan = make_plan(depth=DEPTH)
    host = Mock()
    host.inspect_container.side_effect = OSError("gone")
    context = descent.CampaignContext(
        host=host,
        campaign=campaign,
        begun_s=time.monotonic(),
        places=(),
        pid_namespaces_free=32,
        on_event=lambda _plan, _event: None,
        on_measured=lambda _plan, _level: None,
        on_work=on_work,
    )
    return descent.Descent(context, plan, ChainTask(request=campaign.request)).run()


def test_a_level_that_failed_under_the_work_is_the_one_named(monkeypatch: pytest.MonkeyPatch) -> None:
    died = LevelError(level=1, phase=Phase.DOCKERD, reason="dockerd ended with status -9")
    check = Mock(side_effect=[None, None, died])
    wall = descend(monkeypatch, check=check).wall
    assert wall
    assert (wall.level, wall.phase, wall.message) == (1, Phase.DOCKERD, "dockerd ended with status -9")


def test_work_that_fails_in_a_chain_that_goes_on_is_the_deepest_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    wall = descend(monkeypatch, check=Mock()).wall
    assert wall
    assert (wall.level, wall.phase, wall.message) == (DEPTH, "work", "Connection refused")


def test_churn_and_soak_say_how_far_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Level, "client", Mock())
    monkeypatch.setattr(workload, "run_container", Mock())
    now = SimpleNamespace(s=0.0)
    monkeypatch.setattr(descent, "time", SimpleNamespace(monotonic=lambda: now.s))

    def sample(*_: object) -> None:
        now.s += 20.0

    monkeypatch.setattr(descent, "_sample", sample)
    said: list[str] = []
    descend(
        monkeypatch,
        check=Mock(),
        campaign=replace(CAMPAIGN, measure=False, churn=2, soak_s=60.0),
        on_work=lambda _plan, line: said.append(line),
    )
    assert said == [
        *("churn: 1 of 2 containers", "churn: 2 of 2 containers"),
        *("soak: 20 of 60 s", "soak: 40 of 60 s", "soak: 60 of 60 s"),
    ]
