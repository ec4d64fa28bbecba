"""The chains of this machine, as their run directories tell: which there are, and how each is."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from inception.chain.progress import LevelProgress, LevelProgressState, Progress
from inception.errors import ChainError, UsageError
from inception.linux import lifeline
from inception.places import run_root
from inception.plan.chain import ChainPlan
from inception.plan.events import Event, Phase
from inception.plan.request import NAME_LIMIT, is_name

_START = '{"time_s"'
"""How each event's line begins."""
_LOST = "its runner is gone without a word"


class ChainState(StrEnum):
    """How a chain is, in one word."""

    DESCENDING = "descending"
    RUNNING = "running"
    UNWINDING = "unwinding"
    BROKEN = "broken"


class LevelState(StrEnum):
    """How a level is, in one word: `lost` ones died without unwinding, or never came."""

    BOOTING = "booting"
    READY = "ready"
    UNWINDING = "unwinding"
    UNWOUND = "unwound"
    FAILED = "failed"
    LOST = "lost"


@dataclass(frozen=True, kw_only=True)
class Breakage:
    """Where a chain broke, and why."""

    level: int
    reason: str
    log_tail: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LevelStatus:
    """One level of a chain. `age_s` is the seconds since it was ready, on a clock that nobody sets."""

    number: int
    state: LevelState
    age_s: float | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ChainStatus:
    """A chain, as it was a moment ago. `remarks` are what its user should know though nothing broke."""

    plan: ChainPlan
    state: ChainState
    levels: tuple[LevelStatus, ...]
    broken: Breakage | None = None
    remarks: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.plan.name

    def lives(self, number: int) -> bool:
        """Whether level `number` has an engine that can be reached."""
        return self.levels[number - 1].state is LevelState.READY


def chain_names(root: Path | None = None) -> list[str]:
    """The names of all chains that have a plan."""
    directory = root or run_root()
    if not directory.is_dir():
        return []
    return sorted(it.name for it in directory.iterdir() if is_name(it.name) and os.access(it / "plan.json", os.R_OK))


def list_chains(root: Path | None = None) -> list[ChainStatus]:
    """Every chain of this run root, by name; one whose plan cannot be read is left to `inception prune`."""
    return [status for name in chain_names(root) if (status := _status(name, root or run_root())) is not None]


def find_chain(name: str | None = None, root: Path | None = None) -> ChainStatus:
    """The chain `name`, or the only one there is. Raises ChainError, or UsageError for what is no name."""
    if name is not None and not is_name(name):
        raise UsageError(
            f"{name!r} cannot name a chain",
            remedy=f"use lower-case letters, digits and inner hyphens, {NAME_LIMIT} at most",
        )
    names = chain_names(root)
    if name is None and len(names) != 1:
        if not names:
            raise ChainError("there is no chain", remedy="start one with: inception up --depth N")
        raise UsageError(f"there are {len(names)} chains", remedy=f"name one of them: {', '.join(names)}")
    status = _status(name or names[0], root or run_root())
    if status is None:
        known = f"there are {', '.join(names)}" if names else "start one with: inception up --depth N"
        raise ChainError(f"there is no chain named {name or names[0]}", remedy=known)
    return status


def _status(name: str, root: Path) -> ChainStatus | None:
    try:
        plan = ChainPlan.from_json((root / name / "plan.json").read_text())
    except (OSError, ValueError, KeyError, TypeError):
        return None
    try:
        return read_status(plan)
    except OSError as error:
        return _unreadable(plan, error)


def _unreadable(plan: ChainPlan, error: OSError) -> ChainStatus:
    """The status of a chain some of whose files cannot be read: it must not hide the other chains."""
    levels = tuple(LevelStatus(number=number, state=LevelState.LOST) for number in range(1, plan.depth + 1))
    broken = Breakage(level=1, reason=f"{error.filename} cannot be read: {error.strerror}")
    return ChainStatus(plan=plan, state=ChainState.BROKEN, levels=levels, broken=broken)


def save_plan(plan: ChainPlan) -> None:
    """Write the plan where everybody finds it, in one instant. Raises OSError."""
    file = Path(plan.paths.plan)
    draft = file.with_suffix(".new")
    draft.write_text(plan.to_json())
    draft.replace(file)


def read_status(plan: ChainPlan) -> ChainStatus:
    """How the chain of `plan` is now. Asks no engine: lifelines tell who lives, events tell what happened."""
    progress = Progress()
    for event in read_events(Path(plan.paths.events)):
        progress = progress.after(event)
    told = {level.number: level for level in progress.levels if level.number <= plan.depth}
    levels = tuple(_level(plan, number, told.get(number)) for number in range(1, plan.depth + 1))
    broken = _breakage(plan, levels, told)
    return ChainStatus(
        plan=plan,
        state=_chain_state(levels, broken),
        levels=levels,
        broken=broken,
        remarks=_remarks(levels, told),
    )


def read_events(path: Path) -> Iterator[Event]:
    """The whole events of the file at `path`, oldest first; what is no event is left out."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        try:
            # A line that was cut has the next one behind it. (In a string of JSON its start would be escaped.)
            yield Event.from_line(line[max(line.rfind(_START), 0) :])
        except ValueError:
            continue


def _level(plan: ChainPlan, number: int, told: LevelProgress | None) -> LevelStatus:
    alive = Path(plan.paths.alive(number))
    age_s = None
    if lifeline.is_held(alive):
        state = LevelState.READY if lifeline.is_ready(alive) else LevelState.BOOTING
        if not lifeline.is_held(Path(plan.paths.lifeline(number))):
            state = LevelState.UNWINDING
        if told and told.ready_s is not None:
            age_s = max(0.0, time.monotonic() - told.begun_s - told.ready_s)
    elif told and told.failure is not None:
        state = LevelState.FAILED
    elif told and told.state is LevelProgressState.UNWOUND:
        state = LevelState.UNWOUND
    else:
        state = LevelState.LOST if lifeline.was_held(alive) else LevelState.BOOTING
    return LevelStatus(number=number, state=state, age_s=age_s, remarks=told.notes if told else ())


def _breakage(plan: ChainPlan, levels: tuple[LevelStatus, ...], told: dict[int, LevelProgress]) -> Breakage | None:
    failures = [it.failure for it in told.values() if it.failure is not None]
    if failures:
        return _told_breakage(min(failures, key=lambda event: event.monotonic_s), levels)
    above_lives = lifeline.is_held(Path(plan.paths.lifeline(0)))
    for level in levels:
        if level.state is LevelState.UNWINDING:
            return None  # What is below it ends in its time.
        if level.state is LevelState.UNWOUND:
            return Breakage(level=level.number, reason="it has ended")
        if level.state is LevelState.LOST:
            return Breakage(level=level.number, reason=_LOST)
        if level.state is LevelState.BOOTING and not above_lives:
            return Breakage(level=level.number, reason="it never came, and nobody is left to start it")
        above_lives = True
    return None


def _told_breakage(failure: Event, levels: tuple[LevelStatus, ...]) -> Breakage:
    # What breaks ends what is below it, which may have had time to speak where what broke had none.
    for level in levels[: failure.level - 1]:
        if level.state is LevelState.LOST:
            return Breakage(level=level.number, reason=_LOST)
    return Breakage(level=failure.level, reason=failure.message or "no reason given", log_tail=failure.log_tail)


def _chain_state(levels: tuple[LevelStatus, ...], broken: Breakage | None) -> ChainState:
    states = {level.state for level in levels}
    if broken is not None:
        return ChainState.BROKEN
    if LevelState.UNWINDING in states:
        return ChainState.UNWINDING
    return ChainState.RUNNING if states == {LevelState.READY} else ChainState.DESCENDING


def _remarks(levels: tuple[LevelStatus, ...], told: dict[int, LevelProgress]) -> tuple[str, ...]:
    remarks = [f"level {level.number}: {level.remarks[-1]}" for level in levels if level.remarks]
    begun = [level.number for level in levels if level.state is not LevelState.BOOTING]
    if any(number not in told or told[number].steps[0].phase is not Phase.CREATE for number in begun):
        remarks.insert(0, "its event file was cut short: some of what happened is not known")
    return tuple(remarks)
