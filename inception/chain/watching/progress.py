"""Fold the events of a chain into the progress of each level."""

from __future__ import annotations

from enum import StrEnum

from inception.plan.events import Event, Phase, State
from inception.plan.light_dataclasses import dataclass, replace


class LevelProgressState(StrEnum):
    """State of a level according to its events."""

    BOOTING = "booting"
    READY = "ready"
    FAILED = "failed"
    UNWINDING = "unwinding"
    UNWOUND = "unwound"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One phase of one level. `seconds` is its duration, None while it goes on."""

    phase: Phase
    begun_s: float
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class LevelProgress:
    """Progress of one level.

    `begun_s` is the time of its first event, by the clock of `Event.monotonic_s`. `ready_s` is the seconds from then
    until it was ready, `unwound_s` the duration of its unwinding; None before that.
    """

    number: int
    begun_s: float
    state: LevelProgressState = LevelProgressState.BOOTING
    steps: tuple[Step, ...] = ()
    ready_s: float | None = None
    unwound_s: float | None = None
    notes: tuple[str, ...] = ()
    failure: Event | None = None

    @property
    def current(self) -> Step | None:
        """The step that goes on now, if any: the last one begun, since some phases enclose others."""
        return next((step for step in reversed(self.steps) if step.seconds is None), None)

    def after(self, event: Event) -> LevelProgress:
        """Return the progress after `event`, which must be one of this level."""
        match event.state:
            case State.BEGIN:
                begun = replace(self, steps=(*self.steps, Step(phase=event.phase, begun_s=event.monotonic_s)))
                return replace(begun, state=LevelProgressState.UNWINDING) if event.phase is Phase.UNWIND else begun
            case State.END:
                return self._after_end(event)
            case State.NOTE:
                return replace(self, notes=(*self.notes, event.message or ""))
            case State.FAIL:
                failed = self._with_ended(event)
                return replace(failed, state=LevelProgressState.FAILED, failure=self.failure or event)

    def _after_end(self, event: Event) -> LevelProgress:
        ended = self._with_ended(event)
        if event.phase is Phase.READY:
            return replace(ended, state=LevelProgressState.READY, ready_s=event.monotonic_s - self.begun_s)
        if event.phase is Phase.UNWIND:
            return replace(ended, state=LevelProgressState.UNWOUND, unwound_s=event.seconds)
        return ended

    def _with_ended(self, event: Event) -> LevelProgress:
        """Return it with the last step of the event's phase ended, or with a new step if its begin got lost."""
        seconds = event.seconds or 0.0
        for index in reversed(range(len(self.steps))):
            step = self.steps[index]
            if step.phase is event.phase and step.seconds is None:
                return replace(
                    self, steps=(*self.steps[:index], replace(step, seconds=seconds), *self.steps[index + 1 :])
                )
        lost = Step(phase=event.phase, begun_s=event.monotonic_s - seconds, seconds=seconds)
        return replace(self, steps=(*self.steps, lost))


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Progress of each level of a chain that has events, level 1 first.

    `notes` are the notes that belong to no level.
    """

    levels: tuple[LevelProgress, ...] = ()
    notes: tuple[str, ...] = ()

    def after(self, event: Event) -> Progress:
        """Return the progress after `event`."""
        if event.level == 0:
            return replace(self, notes=(*self.notes, event.message or ""))
        levels = {level.number: level for level in self.levels}
        before = levels.get(event.level)
        # A chain that has shrunk and grown again has a new level of the same number.
        if before is None or (event.phase is Phase.CREATE and event.state is State.BEGIN):
            before = LevelProgress(number=event.level, begun_s=event.monotonic_s)
        levels[event.level] = before.after(event)
        return replace(self, levels=tuple(levels[number] for number in sorted(levels)))

    def in_state(self, state: LevelProgressState) -> tuple[LevelProgress, ...]:
        """Return the levels in `state`."""
        return tuple(level for level in self.levels if level.state is state)

    @property
    def descent_s(self) -> float | None:
        """Seconds from the first event until the last ready level became ready; None if no level is ready."""
        ready = [level.begun_s + level.ready_s for level in self.levels if level.ready_s is not None]
        return max(ready) - min(level.begun_s for level in self.levels) if ready else None
