"""Fold events into the progress of each level."""

from __future__ import annotations

from functools import reduce

from inception.chain.watching.progress import LevelProgressState, Progress, Step
from inception.plan.events import Event, Phase, State


def event(
    at_s: float,
    level: int,
    phase: Phase,
    state: State,
    *,
    seconds: float | None = None,
    message: str | None = None,
) -> Event:
    return Event(time_s=0.0, monotonic_s=at_s, level=level, phase=phase, state=state, seconds=seconds, message=message)


def progress(*events: Event) -> Progress:
    return reduce(Progress.after, events, Progress())


def phase(begun_s: float, ended_s: float, level: int, it: Phase) -> tuple[Event, Event]:
    return (
        event(begun_s, level, it, State.BEGIN),
        event(ended_s, level, it, State.END, seconds=ended_s - begun_s),
    )


def booted(begun_s: float, level: int) -> tuple[Event, ...]:
    """Return the events of a level that boots in 1 s."""
    ready = phase(begun_s + 0.5, begun_s + 1, level, Phase.READY)
    return (
        *phase(begun_s, begun_s + 0.25, level, Phase.CREATE),
        event(begun_s + 0.25, level, Phase.START, State.BEGIN),
        ready[0],
        event(begun_s + 0.75, level, Phase.START, State.END, seconds=0.5),
        *phase(begun_s + 0.75, begun_s + 1, level, Phase.DOCKERD),
        ready[1],
    )


def test_levels_without_events_have_no_progress() -> None:
    assert progress().levels == ()
    assert progress().descent_s is None


def test_booting_level_has_a_current_step_and_its_ended_steps() -> None:
    (level,) = progress(*booted(10, 1)[:6]).levels
    assert level.state is LevelProgressState.BOOTING
    assert level.current == Step(phase=Phase.DOCKERD, begun_s=10.75)
    assert [(step.phase, step.seconds) for step in level.steps] == [
        (Phase.CREATE, 0.25),
        (Phase.START, 0.5),
        (Phase.READY, None),
        (Phase.DOCKERD, None),
    ]


def test_ready_s_counts_from_the_first_event_of_the_level() -> None:
    (level,) = progress(*booted(10, 1)).levels
    assert (level.state, level.ready_s, level.current) == (LevelProgressState.READY, 1.0, None)


def test_descent_s_counts_from_the_first_event_to_the_last_ready_level() -> None:
    descended = progress(*booted(10, 1), *booted(11, 2), *booted(12.5, 3)[:-1])
    assert descended.descent_s == 2.0
    assert [level.number for level in descended.in_state(LevelProgressState.READY)] == [1, 2]
    assert [level.number for level in descended.in_state(LevelProgressState.BOOTING)] == [3]


def test_levels_are_sorted_whatever_the_order_of_their_events() -> None:
    assert [level.number for level in progress(*booted(11, 2), *booted(10, 1)).levels] == [1, 2]


def test_failure_is_kept_while_the_level_unwinds() -> None:
    failure = event(11, 1, Phase.DOCKERD, State.FAIL, seconds=0.5, message="no space left")
    failed = progress(*booted(10, 1)[:6], failure)
    (level,) = failed.levels
    assert (level.state, level.failure) == (LevelProgressState.FAILED, failure)
    (level,) = failed.after(event(11, 1, Phase.UNWIND, State.BEGIN)).levels
    assert (level.state, level.failure) == (LevelProgressState.UNWINDING, failure)


def test_unwound_level_has_the_duration_of_its_unwinding() -> None:
    (level,) = progress(*booted(10, 1), *phase(20, 20.5, 1, Phase.UNWIND)).levels
    assert (level.state, level.unwound_s) == (LevelProgressState.UNWOUND, 0.5)


def test_notes_belong_to_a_level_or_to_the_chain() -> None:
    noted = progress(
        event(10, 2, Phase.VERIFY, State.NOTE, message="loading it instead"),
        event(10, 0, Phase.CREATE, State.NOTE, message="cut short"),
    )
    assert [level.notes for level in noted.levels] == [("loading it instead",)]
    assert noted.notes == ("cut short",)


def test_end_without_its_begin_makes_a_step() -> None:
    (level,) = progress(event(10, 1, Phase.IMAGE, State.END, seconds=2.0)).levels
    assert level.steps == (Step(phase=Phase.IMAGE, begun_s=8.0, seconds=2.0),)


def test_after_does_not_change_the_progress_before() -> None:
    before = progress(*booted(10, 1))
    before.after(event(12, 1, Phase.UNWIND, State.BEGIN))
    assert before == progress(*booted(10, 1))
