from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from inception.plan.planner import plan_chain
from inception.plan.request import PidMode
from inception.probe.depth_limit import DepthLimit, depth_limits
from inception.probe.doctor_facts import Usage
from tests.factories.doctor_facts import LIMITS
from tests.factories.plans import FACTS, HOST, request


def _depth_limit(mode: PidMode, limits: dict[str, Any] | None = None, **host: Any) -> DepthLimit:
    found = depth_limits(replace(HOST, **host), replace(LIMITS, **(limits or {})))
    return next(one for one in found if one.mode is mode)


def test_every_pid_mode_has_a_depth_limit() -> None:
    assert {one.mode for one in depth_limits(HOST, LIMITS)} == set(PidMode)


def test_isolated_ends_at_the_pid_namespaces() -> None:
    isolated = _depth_limit(PidMode.ISOLATED)
    assert isolated.depth == 31
    assert "PID namespaces: 32 are free" in isolated.wall


@pytest.mark.parametrize("mode", [PidMode.AUTO, PidMode.SHARED])
@pytest.mark.parametrize(
    ("limits", "host", "depth", "wall"),
    [
        ({}, {"memory_available": 24_000_000_000}, 400, "24.0 GB of memory free, 60.0 MB of memory a level"),
        ({}, {"tasks_free": 4000}, 100, "4000 processes and threads free, 40"),
        ({}, {"disk_free": 50_000_000}, 50, "of disk free"),
        ({}, {"inodes_free": 1200}, 10, "inodes free"),
        ({"keys": Usage(limit=200, used=150)}, {}, 50, "50 keys free"),
        ({"open_files": Usage(limit=8000, used=0)}, {}, 100, "open files free"),
        ({"namespaces": 77}, {}, 77, "namespaces of each kind"),
        ({"namespaces": None, "keys": None, "open_files": None}, {}, 1000, "inception plans 1000 levels at most"),
        ({}, {"pid_namespaces_free": 2}, 1000, "inception plans"),
        ({}, {"pid_namespaces_free": 1}, 0, "PID namespaces"),
        ({}, {"pid_namespaces_free": 0}, 0, "PID namespaces"),
    ],
)
def test_sharing_modes_end_at_the_tightest_limit(
    mode: PidMode, limits: dict[str, Any], host: dict[str, Any], depth: int, wall: str
) -> None:
    plenty = {"memory_available": 10**15, "disk_free": 10**15, "inodes_free": 10**12, "tasks_free": 10**9}
    ample = {"open_files": Usage(limit=10**9, used=0)}
    reach = _depth_limit(mode, {**ample, **limits}, **{**plenty, **host})
    assert reach.depth == depth
    assert wall in reach.wall


@pytest.mark.parametrize("mode", PidMode)
def test_the_planner_accepts_the_depth_limit_of_doctor(mode: PidMode) -> None:
    host = replace(HOST, memory_available=3_000_000_000, tasks_free=5000)
    reach = next(one for one in depth_limits(host, LIMITS) if one.mode is mode)
    assert plan_chain(request(reach.depth, pid=mode), replace(FACTS, host=host)).depth == reach.depth
