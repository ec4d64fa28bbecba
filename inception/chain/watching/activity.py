"""Measure what the levels of a running chain use and do, from the statistics of the engines above them."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import docker
from requests.exceptions import RequestException

from inception.chain.level_engines import level_client
from inception.chain.status import ChainStatus, LevelState, is_paused
from inception.errors import EngineError
from inception.plan.chain import LABEL_LEVEL, CgroupNamespace, ChainPlan
from inception.plan.light_dataclasses import dataclass, replace

_AT_ONCE = 16
"""Levels measured at the same time."""
_NS = 1e9


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Counters of one level's control group at one moment, with those of the containers in it.

    `cpu_s` is processor time in seconds, `memory` in bytes; `time_s` is on CLOCK_MONOTONIC. `containers` names the
    running ones in the level's engine, without the next level's.
    """

    time_s: float
    cpu_s: float
    memory: int
    tasks: int
    containers: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Activity:
    """Use of one level: `cpu` in processors (1.0 is one of them busy), `memory` in bytes. None where nobody answers."""

    number: int
    state: LevelState
    cpu: float | None = None
    memory: int | None = None
    tasks: int | None = None
    containers: tuple[str, ...] | None = None


Readings = tuple[Reading | None, ...]


def read_levels(chain: ChainStatus) -> Readings:
    """Return the counters of each level, level 1 first; None for one that is not ready or is paused."""
    if is_paused(chain.plan):
        return (None,) * chain.plan.depth
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as threads:
        return own_use(chain.plan, tuple(threads.map(lambda level: _read(chain, level.number), chain.levels)))


def own_use(plan: ChainPlan, readings: Readings) -> Readings:
    """Return the readings of level 1 and of levels with limits without those of the levels below.

    Their control groups contain those of the levels below; all others lie side by side. Where a level below is silent,
    its use cannot be told apart.
    """
    own: dict[int, Reading | None] = {}
    for level, reading in zip(reversed(plan.levels), reversed(readings), strict=True):
        below = [own[it] for it in plan.shape.below(level.number)]
        known = [it for it in below if it is not None]
        contains = level.cgroup_namespace is CgroupNamespace.PRIVATE and len(known) == len(below)
        own[level.number] = _without(reading, known) if reading is not None and contains else reading
    return tuple(own[level.number] for level in plan.levels)


def _without(reading: Reading, below: list[Reading]) -> Reading:
    # The counters are not read at the same moment: a difference may come out below 0.
    return replace(
        reading,
        cpu_s=reading.cpu_s - sum(it.cpu_s for it in below),
        memory=max(0, reading.memory - sum(it.memory for it in below)),
        tasks=max(0, reading.tasks - sum(it.tasks for it in below)),
    )


def activities(chain: ChainStatus, before: Readings, now: Readings) -> tuple[Activity, ...]:
    """Return the activity of each level between two readings; `cpu` is None for a level that only one of them has."""
    found = []
    for level in chain.levels:
        old, new = _at(before, level.number), _at(now, level.number)
        if new is None:
            found.append(Activity(number=level.number, state=level.state))
            continue
        passed_s = new.time_s - old.time_s if old else 0.0
        found.append(
            Activity(
                number=level.number,
                state=level.state,
                cpu=max(0.0, new.cpu_s - old.cpu_s) / passed_s if old and passed_s > 0 else None,
                memory=new.memory,
                tasks=new.tasks,
                containers=new.containers,
            )
        )
    return tuple(found)


def _at(readings: Readings, number: int) -> Reading | None:
    return readings[number - 1] if number <= len(readings) else None


def _read(chain: ChainStatus, number: int) -> Reading | None:
    if not chain.is_ready(number):
        return None
    try:
        return _ask(chain.plan, number)
    except (EngineError, docker.errors.DockerException, RequestException, OSError):
        return None


def _ask(plan: ChainPlan, number: int) -> Reading:
    with level_client(plan, number) as client:
        containers = tuple(
            one["Names"][0].lstrip("/") for one in client.containers() if LABEL_LEVEL not in (one.get("Labels") or {})
        )
    with level_client(plan, plan.level(number).above) as above:
        statistics: dict[str, Any] = above.stats(plan.level(number).container, stream=False, one_shot=True)
    return Reading(
        time_s=time.monotonic(),
        cpu_s=statistics["cpu_stats"]["cpu_usage"]["total_usage"] / _NS,
        memory=statistics["memory_stats"].get("usage", 0),
        tasks=statistics["pids_stats"].get("current", 0),
        containers=containers,
    )
