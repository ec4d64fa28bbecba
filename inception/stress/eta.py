"""Estimates how long a campaign will still take, by the pace of its cycles so far."""

from __future__ import annotations

from statistics import median

from inception.plan.estimate import SECONDS_PER_LEVEL
from inception.plan.light_dataclasses import dataclass, replace
from inception.stress.campaign import Campaign

_MEASURING = 0.8
"""Time that measuring a level takes, in those of its descent (0.41 s and 0.53 at depth 256)."""
_UNWINDING = 0.15
"""Time that unwinding a level takes, in those of its descent."""


@dataclass(frozen=True, kw_only=True)
class Eta:
    """Pace of a campaign: the seconds of each cycle that ended, and the first and last level ready in this one."""

    campaign: Campaign
    cycles_s: tuple[float, ...] = ()
    first: tuple[int, float] | None = None
    last: tuple[int, float] | None = None

    def after_level(self, number: int, ready_s: float) -> Eta:
        """Return the estimate once level `number` of this cycle is ready, at monotonic time `ready_s`."""
        if self.first is None or number <= self.first[0]:
            return replace(self, first=(number, ready_s), last=(number, ready_s))
        return replace(self, last=(number, ready_s))

    def after_cycle(self, seconds: float) -> Eta:
        """Return the estimate once a cycle has ended that took `seconds`."""
        return replace(self, cycles_s=(*self.cycles_s, seconds), first=None, last=None)

    @property
    def level_s(self) -> float:
        """Seconds that a level takes, measured in this cycle, or the usual ones."""
        if self.first and self.last and self.last[0] > self.first[0]:
            return (self.last[1] - self.first[1]) / (self.last[0] - self.first[0])
        return SECONDS_PER_LEVEL

    def cycle_s(self) -> float:
        """Return the seconds that a cycle takes: the median so far, or an estimate for the first."""
        if self.cycles_s:
            return median(self.cycles_s)
        measuring = _MEASURING if self.campaign.measure else 0.0
        return self.campaign.depth * self.level_s * (1 + measuring + _UNWINDING) + self.campaign.soak_s

    def left_s(self, cycles_done: int, level: int, elapsed_s: float, *, measured: int = 0) -> float | None:
        """Return the seconds left after `cycles_done` cycles and `level` levels of the next; None if unknown.

        Of those levels `measured` are measured, too.
        """
        limit_s = self.campaign.time_limit_s
        to_limit_s = None if limit_s is None else max(0.0, limit_s - elapsed_s)
        if self.campaign.cycles is None:
            return to_limit_s
        # The work at the bottom and the unwinding are still to come, a soak above all.
        done_s = (level + measured * _MEASURING) * self.level_s
        left_s = max(0.0, (self.campaign.cycles - cycles_done) * self.cycle_s() - done_s)
        return left_s if to_limit_s is None else min(left_s, to_limit_s)
