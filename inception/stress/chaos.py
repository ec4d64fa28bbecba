"""Chooses which process is killed in which descent, and when: a pure function of the seed, so it can be repeated.

A kill waits for a level that becomes ready, and not for a moment: so it hits the same level at the same point of the
descent on any machine, fast or slow.
"""

from __future__ import annotations

import random
from enum import StrEnum

from inception.plan.light_dataclasses import dataclass

GREATEST_DELAY_S = 0.6
"""The level below the trigger is created and boots within this time: kills hit each of its phases."""


class Target(StrEnum):
    """The process to kill in a level: a daemon, the runner, or the shim that carries the level below it."""

    DOCKERD = "dockerd"
    CONTAINERD = "containerd"
    RUNNER = "runner"
    SHIM = "shim"


@dataclass(frozen=True, kw_only=True)
class Kill:
    """Kill `target` of `level`, `delay_s` seconds after level `trigger`, which is not above it, has become ready."""

    trigger: int
    delay_s: float
    level: int
    target: Target

    def describe(self) -> str:
        """Return the kill as a phrase."""
        return f"{self.target} of level {self.level}, {self.delay_s:.2f} s after level {self.trigger} is ready"


def kill_for(seed: int, cycle: int, chain: int, depth: int) -> Kill:
    """Return the kill of chain `chain` in cycle `cycle`, each counted from 1, of a campaign of `depth` levels."""
    # One generator for each kill: it does not depend on how many there were before.
    chance = random.Random(f"{seed}/{cycle}/{chain}/{depth}")  # noqa: S311 replayable, not secret
    trigger = chance.randint(1, depth)
    level = chance.randint(1, trigger)
    # A level has a shim once there is a level below it: at the bottom there is none yet.
    targets = [it for it in Target if it is not Target.SHIM or level < trigger]
    return Kill(
        trigger=trigger,
        delay_s=round(chance.uniform(0, GREATEST_DELAY_S), 3),
        level=level,
        target=chance.choice(targets),
    )
