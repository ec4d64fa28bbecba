"""How long a campaign will still take: what is left of its cycles, at the pace seen so far."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import median

from inception.plan.estimate import SECONDS_PER_LEVEL
from inception.stress.campaign import Campaign

MEASURE_S = 0.8
"""Seconds that measuring one level takes."""


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What is known of the pace: the seconds of each cycle that ended, and when levels of this one were ready."""

    campaign: Campaign
    cycles_s: tuple[float, ...] = ()
    first: tuple[int, float] | None = None
    last: tuple[int, float] | None = None

    def after_level(self, number: int, ready_s: float) -> Outlook:
        """Once level `number` of the present cycle was ready, at the moment `ready_s`."""
        if self.first is None or number <= self.first[0]:
            return replace(self, first=(number, ready_s), last=(number, ready_s))
        return replace(self, last=(number, ready_s))

    def after_cycle(self, seconds: float) -> Outlook:
        """Once a cycle has ended that took `seconds`."""
        return replace(self, cycles_s=(*self.cycles_s, seconds), first=None, last=None)

    @property
    def level_s(self) -> float:
        """Seconds a level, as seen in this cycle, or as it usually is."""
        if self.first and self.last and self.last[0] > self.first[0]:
            return (self.last[1] - self.first[1]) / (self.last[0] - self.first[0])
        return SECONDS_PER_LEVEL

    def cycle_s(self) -> float:
        """Seconds that a cycle takes, as seen so far, or else as it should."""
        if self.cycles_s:
            return median(self.cycles_s)
        measuring = MEASURE_S if self.campaign.measure else 0.0
        return self.campaign.depth * (self.level_s * 1.2 + measuring) + self.campaign.soak_s

    def left_s(self, cycles_done: int, level: int, elapsed_s: float) -> float | None:
        """Seconds to go once `cycles_done` cycles have ended and the next has come to `level`; None if nobody knows."""
        limit_s = self.campaign.time_limit_s
        to_limit_s = None if limit_s is None else max(0.0, limit_s - elapsed_s)
        if self.campaign.cycles is None:
            return to_limit_s
        # What comes at the bottom and on the way up is still to come, a soak above all.
        left_s = max(0.0, (self.campaign.cycles - cycles_done) * self.cycle_s() - level * self.level_s)
        return left_s if to_limit_s is None else min(left_s, to_limit_s)
