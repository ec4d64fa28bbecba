"""Our way down and up, and everything about it that is a figure of the bench."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from inception.chain.prepare import prepare
from inception.chain.running import RunningChain, running
from inception.engine.connect import Engine
from inception.image.recipe import default_tag
from inception.plan.events import Event, Phase, State
from inception.plan.request import Request
from inception.stress.report.trend import PowerFit, fit_power
from inception.stress.workload import Level

_PROFILED = (Phase.CREATE, Phase.START, Phase.PREPARE, Phase.CONTAINERD, Phase.DOCKERD, Phase.VERIFY)
"""The phases of a level that follow one another; the image is grafted inside containerd's."""
_STANDBY_S = 2.0
"""Seconds for the runners of all levels to stand by."""


@dataclass(frozen=True, kw_only=True)
class Descent:
    """How long the way down and up took, in seconds, and when each level answered, in seconds from the start.

    `phases_s` is the median of each phase over the levels: what no phase explains is the runner's own start.
    """

    depth: int
    down_s: float
    up_s: float
    ready_s: tuple[float, ...]
    phases_s: tuple[tuple[str, float], ...] = ()

    @property
    def level_s(self) -> float:
        """The median of the time from one level's answer to the next one's."""
        return median(self.levels_s)

    @property
    def levels_s(self) -> tuple[float, ...]:
        return tuple(after - before for before, after in pairwise((0.0, *self.ready_s)))


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What a level takes, in bytes: medians over the levels of one chain, and the mean that level 1 counts in."""

    depth: int
    memory: float
    memory_mean: float
    disk: float


def make_request(depth: int, name: str) -> Request:
    """A chain of the bench."""
    return Request(depth=depth, name=f"bench-{name}-{depth}", image=default_tag())


def descend(
    engine: Engine,
    request: Request,
    say: Callable[[str], None],
    at_bottom: Callable[[RunningChain], None] | None = None,
) -> Descent:
    """Go down and up again as `request` says, with `at_bottom` in between, which is not counted."""
    ready_s: list[float] = []
    phases_s: dict[str, list[float]] = {}
    plan = prepare(engine, request, say)
    begun_s = time.monotonic()

    def show(event: Event) -> None:
        if event.phase is Phase.READY and event.state is State.END:
            ready_s.append(event.monotonic_s - begun_s)
        elif event.phase in _PROFILED and event.state is State.END and event.seconds is not None:
            phases_s.setdefault(event.phase.value, []).append(event.seconds)

    with running(engine.client, plan, show) as chain:
        down_s = time.monotonic() - begun_s
        if at_bottom:
            at_bottom(chain)
        turned_s = time.monotonic()
    return Descent(
        depth=request.depth,
        down_s=down_s,
        up_s=time.monotonic() - turned_s,
        ready_s=tuple(ready_s),
        phases_s=tuple((name, median(values)) for name, values in phases_s.items()),
    )


def measure_costs(engine: Engine, chain: RunningChain) -> Costs:
    """Wait until a running chain is quiet, then measure what each of its levels takes."""
    time.sleep(chain.plan.limits.quiet_s + _STANDBY_S)
    numbers = range(1, chain.plan.depth + 1)
    found = [Level(host=engine.client, plan=chain.plan, number=number).measure() for number in numbers]
    return Costs(
        depth=chain.plan.depth,
        memory=median(it.pss for it in found),
        memory_mean=sum(it.pss for it in found) / len(found),
        disk=median(it.disk for it in found),
    )


def kick(engine: Engine, depth: int, say: Callable[[str], None]) -> float:
    """Seconds that it takes to end a chain of `depth` levels at once."""
    plan = prepare(engine, make_request(depth, "kick"), say)
    with running(engine.client, plan, lambda _: None) as chain:
        begun_s = time.monotonic()
        chain.kick()
        return time.monotonic() - begun_s


def fit_levels(descent: Descent) -> PowerFit | None:
    """How the time of a level grows with depth."""
    return fit_power(range(1, len(descent.ready_s) + 1), descent.levels_s)
