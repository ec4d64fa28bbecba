"""Time limits of the phases, in seconds. A phase that exceeds its limit fails."""

from __future__ import annotations

from inception.plan.events import Phase
from inception.plan.light_dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class TimeLimits:
    """Seconds for each phase of one level. `level_stop_s` is for its daemons to stop once no deeper level runs.

    `lifeline_s` is for a remote client to take the lifeline of a chain that it has started; after `quiet_s` in which
    nothing happened in a level its runner stands by.
    """

    create_s: float = 60.0
    start_s: float = 60.0
    image_s: float = 300.0
    containerd_s: float = 20.0
    dockerd_s: float = 60.0
    level_stop_s: float = 15.0
    lifeline_s: float = 30.0
    quiet_s: float = 30.0

    def of(self, phase: Phase) -> float:
        """Return the limit of `phase` in seconds. Raises KeyError for a phase without one."""
        limits = {
            Phase.CREATE: self.create_s,
            Phase.START: self.start_s,
            Phase.IMAGE: self.image_s,
            Phase.CONTAINERD: self.containerd_s,
            Phase.DOCKERD: self.dockerd_s,
            Phase.UNWIND: self.level_stop_s,
        }
        return limits[phase]

    def scaled(self, patience: float) -> TimeLimits:
        """Return these limits, each multiplied by `patience`."""
        return TimeLimits(
            create_s=self.create_s * patience,
            start_s=self.start_s * patience,
            image_s=self.image_s * patience,
            containerd_s=self.containerd_s * patience,
            dockerd_s=self.dockerd_s * patience,
            level_stop_s=self.level_stop_s * patience,
            lifeline_s=self.lifeline_s * patience,
            quiet_s=self.quiet_s,
        )
