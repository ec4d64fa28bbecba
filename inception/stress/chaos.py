"""Which process is killed in which descent, and when: a pure function of the seed, so that a campaign can be replayed.

A kill does not wait for a moment but for an event, a level that is ready: then it hits the same level at the same point
of its descent on any machine, fast or slow.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

GREATEST_DELAY_S = 0.6
"""Within it the level below the trigger is made and boots: kills fall into each of its phases."""


class Target(StrEnum):
    """What is killed at a level: one of its daemons, its runner, or the shim that carries the level below it."""

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
        return f"{self.target} of level {self.level}, {self.delay_s:.2f} s after level {self.trigger} is ready"


def kill_for(seed: int, cycle: int, chain: int, depth: int) -> Kill:
    """The kill of chain `chain` in cycle `cycle` of a campaign with `seed`, each counted from 1, at `depth` levels."""
    # A generator of its own for each: the kill does not depend on how many there were before.
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
