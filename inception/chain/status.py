"""Find the chains of this machine and read the state of each from its run directory."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from inception.chain.plan_file import read_plan
from inception.chain.remote.start import ensure_mirror
from inception.chain.stopped.records import stopped_names, stopped_plan
from inception.chain.watching.progress import LevelProgress, LevelProgressState, Progress
from inception.errors import ChainError, EngineError, UsageError
from inception.linux import files, lifeline
from inception.places import run_root
from inception.plan.chain import ChainPlan
from inception.plan.events import Event, Phase
from inception.plan.light_dataclasses import dataclass
from inception.plan.request import NAME_LIMIT, is_name

_START = '{"time_s"'
"""The first characters of each line of the event file."""
_EVENTS_LIMIT = 64 << 20
"""Bytes of an event file that are read: a level writes some 4000 of them."""


class ChainState(StrEnum):
    """State of a chain."""

    DESCENDING = "descending"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    UNWINDING = "unwinding"
    BROKEN = "broken"
    UNREACHABLE = "unreachable"
    """Its engine, on another machine, does not answer, or not to us."""


class LevelState(StrEnum):
    """State of a level; a `lost` one died without unwinding, or was never started."""

    BOOTING = "booting"
    READY = "ready"
    UNWINDING = "unwinding"
    UNWOUND = "unwound"
    FAILED = "failed"
    LOST = "lost"


@dataclass(frozen=True, kw_only=True)
class Breakage:
    """The level at which a chain broke, and the reason."""

    level: int
    reason: str
    log_tail: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LevelStatus:
    """One level of a chain. `age_s` is the seconds since it became ready, by the monotonic clock."""

    number: int
    state: LevelState
    age_s: float | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ChainStatus:
    """A chain at the moment of reading. `remarks` are warnings for its user that do not make it broken."""

    plan: ChainPlan
    state: ChainState
    levels: tuple[LevelStatus, ...]
    broken: Breakage | None = None
    remarks: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the chain."""
        return self.plan.name

    def is_ready(self, number: int) -> bool:
        """Return whether the engine of level `number` can be reached."""
        return self.levels[number - 1].state is LevelState.READY


def chain_names(root: Path | None = None) -> list[str]:
    """Return the names of all chains in the run root that have a readable plan, sorted."""
    directory = root or run_root()
    if not directory.is_dir():
        return []
    return sorted(it.name for it in directory.iterdir() if is_name(it.name) and os.access(it / "plan.json", os.R_OK))


def list_chains(root: Path | None = None) -> list[ChainStatus]:
    """Return all chains of the run root and its stopped ones, sorted by name, without those whose plan is invalid.

    The last known levels of a chain on a remote engine that does not answer are LOST.
    """
    chains = []
    for name in chain_names(root):
        if (plan := _plan(name, root or run_root())) is not None:
            try:
                chains.append(_status(plan, (root or run_root()) / name))
            except EngineError as error:
                chains.append(_without_levels(plan, ChainState.UNREACHABLE, str(error)))
    there = {chain.name for chain in chains}
    plans = [stopped_plan(name, root) for name in stopped_names(root) if name not in there]
    return sorted([*chains, *(_stopped(plan) for plan in plans if plan is not None)], key=lambda chain: chain.name)


def find_chain(name: str | None = None, root: Path | None = None, *, also_stopped: bool = False) -> ChainStatus:
    """Return the chain `name`, or the only chain if `name` is None.

    Raises ChainError if it does not exist or is stopped, unless it may be, UsageError if the name is invalid or needed
    to choose among several, and EngineError if it is on a remote engine that does not answer.
    """
    if name is not None and "/" in name and all(map(is_name, steps := name.split("/"))):
        raise UsageError(
            f"{name} is a level, and this command is for a whole chain", remedy=f"leave the path out: {steps[0]}"
        )
    if name is not None and not is_name(name):
        raise UsageError(
            f"{name!r} cannot name a chain",
            remedy=f"use lower-case letters, digits and inner hyphens, {NAME_LIMIT} at most",
        )
    names = chain_names(root)
    if also_stopped:
        names = sorted({*names, *stopped_names(root)})
    if name is None and len(names) != 1:
        if not names:
            raise ChainError("there is no chain", remedy="start one with: inception up --depth N", topic="no-chain")
        raise UsageError(f"there are {len(names)} chains", remedy=f"name one of them: {', '.join(names)}")
    chosen = name or names[0]
    plan = _plan(chosen, root or run_root())
    if plan is None and (kept := stopped_plan(chosen, root)) is not None:
        if not also_stopped:
            raise ChainError(f"chain {chosen} is stopped", remedy=f"start it with: inception start {chosen}")
        return _stopped(kept)
    if plan is None:
        known = f"there are {', '.join(names)}" if names else "start one with: inception up --depth N"
        raise ChainError(f"there is no chain named {chosen}", remedy=known, topic="no-chain")
    return _status(plan, (root or run_root()) / chosen)


def _plan(name: str, root: Path) -> ChainPlan | None:
    try:
        plan = read_plan(root / name / "plan.json")
    except (OSError, ValueError):
        return None
    return plan if plan.name == name and plan.levels else None


def _status(plan: ChainPlan, directory: Path) -> ChainStatus:
    if not is_here(plan, directory.parent):
        # Two containers, or one and the host, may have mounted it at different places.
        reason = f"its run directory is {directory} here, and must be at {plan.run_directory}"
        return _without_levels(plan, ChainState.BROKEN, reason)
    ensure_mirror(plan)
    try:
        return read_status(plan)
    except OSError as error:
        # So that the other chains are still listed.
        return _without_levels(plan, ChainState.BROKEN, f"{error.filename} cannot be read: {error.strerror}")


def is_here(plan: ChainPlan, root: Path | None = None) -> bool:
    """Return whether the run directory of `plan` is the one of its name in the run root.

    Levels can write the plan and the whole run root: a path that leads through the run root is not believed.
    """
    directory, base = Path(plan.run_directory), (root or run_root()).resolve()
    return (
        directory.name == plan.name
        and directory.is_dir()
        and not directory.is_symlink()
        and directory.parent.resolve() == base
        and not any(it.resolve().is_relative_to(base) for it in directory.parent.parents)
    )


def _stopped(plan: ChainPlan) -> ChainStatus:
    levels = tuple(LevelStatus(number=level.number, state=LevelState.UNWOUND) for level in plan.levels)
    return ChainStatus(plan=plan, state=ChainState.STOPPED, levels=levels)


def _without_levels(plan: ChainPlan, state: ChainState, reason: str) -> ChainStatus:
    """Return the status of a chain that cannot be looked into, because of `reason`."""
    levels = tuple(LevelStatus(number=number, state=LevelState.LOST) for number in range(1, plan.depth + 1))
    return ChainStatus(plan=plan, state=state, levels=levels, broken=Breakage(level=1, reason=reason))


def is_paused(plan: ChainPlan) -> bool:
    """Return whether a client has frozen the chain: none of its processes runs, and none of its engines answers."""
    return Path(plan.paths.paused).exists()


def refuse_paused(plan: ChainPlan) -> None:
    """Raise ChainError if the chain is paused: whatever asks one of its levels would wait for ever."""
    if is_paused(plan):
        remedy = f"let it go on with: inception resume {plan.name}"
        raise ChainError(f"chain {plan.name} is paused", remedy=remedy, topic="paused")


def read_status(plan: ChainPlan) -> ChainStatus:
    """Return the present status of the chain of `plan`. Raises OSError.

    No engine is asked: locks show which runners live, the event file shows what happened.
    """
    chain_progress = Progress()
    for event in read_events(Path(plan.paths.events)):
        chain_progress = chain_progress.after(event)
    progress = {level.number: level for level in chain_progress.levels if level.number <= plan.depth}
    levels = tuple(_level(plan, number, progress.get(number)) for number in range(1, plan.depth + 1))
    broken = _breakage(plan, levels, progress)
    return ChainStatus(
        plan=plan,
        state=_chain_state(levels, broken, paused=is_paused(plan)),
        levels=levels,
        broken=broken,
        remarks=_remarks(levels, progress),
    )


def read_events(path: Path) -> Iterator[Event]:
    """Yield the complete events of the file at `path`, oldest first; skip invalid lines. A missing file has none."""
    try:
        lines = files.read_start(path, _EVENTS_LIMIT).decode(errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        try:
            # After a truncated line the next one follows without a newline. (Inside a JSON string `"` is escaped.)
            yield Event.from_line(line[max(line.rfind(_START), 0) :])
        except ValueError:
            continue


def _level(plan: ChainPlan, number: int, progress: LevelProgress | None) -> LevelStatus:
    alive = Path(plan.paths.alive(number))
    age_s = None
    if lifeline.is_held(alive):
        state = LevelState.READY if lifeline.is_ready(alive) else LevelState.BOOTING
        if not lifeline.is_held(Path(plan.paths.lifeline(number))):
            state = LevelState.UNWINDING
        if progress and progress.ready_s is not None:
            age_s = max(0.0, time.monotonic() - progress.begun_s - progress.ready_s)
    elif progress and progress.failure is not None:
        state = LevelState.FAILED
    elif progress and progress.state is LevelProgressState.UNWOUND:
        state = LevelState.UNWOUND
    else:
        state = LevelState.LOST if lifeline.was_held(alive) else LevelState.BOOTING
    return LevelStatus(number=number, state=state, age_s=age_s, remarks=progress.notes if progress else ())


def _breakage(plan: ChainPlan, levels: tuple[LevelStatus, ...], progress: dict[int, LevelProgress]) -> Breakage | None:
    failures = [it.failure for it in progress.values() if it.failure is not None]
    if failures:
        return _reported_breakage(plan, min(failures, key=lambda event: event.monotonic_s), levels)
    settled = {0: lifeline.is_held(Path(plan.paths.lifeline(0)))}
    for level in levels:
        parent_lives = settled.get(plan.level(level.number).above)
        if parent_lives is None or level.state is LevelState.UNWINDING:
            continue  # The levels below it unwind, too.
        if level.state is LevelState.UNWOUND:
            return Breakage(level=level.number, reason="it has ended")
        if level.state is LevelState.LOST:
            return _loss(plan, level.number, levels)
        if level.state is LevelState.BOOTING and not parent_lives:
            return Breakage(
                level=level.number, reason="it was never started, and the process that would start it is gone"
            )
        settled[level.number] = True
    return None


def _reported_breakage(plan: ChainPlan, failure: Event, levels: tuple[LevelStatus, ...]) -> Breakage:
    # A level that dies ends the levels below it, and one of those may have reported a failure while it could not.
    for above in reversed(plan.shape.ancestors(failure.level)):
        if levels[above - 1].state is LevelState.LOST:
            return _loss(plan, above, levels)
    return Breakage(level=failure.level, reason=failure.message or "no reason given", log_tail=failure.log_tail)


def _loss(plan: ChainPlan, number: int, levels: tuple[LevelStatus, ...]) -> Breakage:
    """Return the breakage of a chain at level `number`, which is lost; the level above reports why if it lives."""
    above = plan.level(number).above
    if above and levels[above - 1].state is LevelState.READY:
        return Breakage(level=number, reason=f"its runner has ended, and level {above} has yet to report why")
    return Breakage(level=number, reason="its runner ended without reporting why")


def _chain_state(levels: tuple[LevelStatus, ...], broken: Breakage | None, *, paused: bool) -> ChainState:
    states = {level.state for level in levels}
    if broken is not None:
        return ChainState.BROKEN
    if paused:
        return ChainState.PAUSED
    if LevelState.UNWINDING in states:
        return ChainState.UNWINDING
    return ChainState.RUNNING if states == {LevelState.READY} else ChainState.DESCENDING


def _remarks(levels: tuple[LevelStatus, ...], progress: dict[int, LevelProgress]) -> tuple[str, ...]:
    remarks = [f"level {level.number}: {level.remarks[-1]}" for level in levels if level.remarks]
    begun = [level.number for level in levels if level.state is not LevelState.BOOTING]
    if any(number not in progress or progress[number].steps[0].phase is not Phase.CREATE for number in begun):
        remarks.insert(0, "its event file was truncated: some events are missing")
    return tuple(remarks)
