"""A failure in the midst of the work at the bottom is recorded as the level's that failed."""

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
from inception.stress import descent
from inception.stress.campaign import Campaign, ChainTask
from inception.stress.report.record import ChainRecord
from inception.stress.workload import Level
from tests.factories.plans import plan as make_plan
from tests.factories.plans import request as make_request

DEPTH = 3


def ready(level: int) -> Event:
    return Event(time_s=1.0, monotonic_s=time.monotonic(), level=level, phase=Phase.READY, state=State.END)


def descend(monkeypatch: pytest.MonkeyPatch, *, check: Callable[[], None]) -> ChainRecord:
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
    request = make_request(DEPTH)
    host = Mock()
    host.inspect_container.side_effect = OSError("gone")
    context = descent.CampaignContext(
        host=host,
        campaign=Campaign(request=request),
        begun_s=time.monotonic(),
        places=(),
        pid_namespaces_free=32,
        on_event=lambda _plan, _event: None,
        on_measured=lambda _plan, _level: None,
    )
    return descent.Descent(context, plan, ChainTask(request=request)).run()


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
