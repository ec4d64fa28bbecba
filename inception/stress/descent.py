"""Runs one chain of a cycle: descends, works at the bottom, unwinds, and records everything that happened."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import docker

from inception.chain.running import RunningChain, running
from inception.chain.watching.progress import LevelProgress, LevelProgressState, Progress
from inception.engine.translate import reason
from inception.errors import ChainError, EngineError, LevelError
from inception.level.containers import stop_timeout_s
from inception.level.engine.client import ENGINE_GONE
from inception.plan.chain import ChainPlan
from inception.plan.events import Event, Phase, State
from inception.plan.light_dataclasses import dataclass, replace
from inception.plan.pids import PidNamespace
from inception.plan.request import NetworkMode
from inception.stress.campaign import Campaign, ChainTask
from inception.stress.evidence import Evidence, read_evidence
from inception.stress.report.record import (
    ChainRecord,
    ChurnRecord,
    KillRecord,
    LevelMeasure,
    LevelRecord,
    SoakSample,
    Span,
    WallRecord,
)
from inception.stress.wall.explain import explain_wall
from inception.stress.wall.model import Failure, Incident
from inception.stress.workload import ExecError, Level, ProcessKiller, churn

_KILL_LIMIT_S = 20.0
"""Seconds after a kill in which its chain must begin to end."""
_REPORT_LIMIT_S = 2.0
"""Seconds in which a chain that ended under our work tells why."""
_POLL_S = 0.02
_WORK = "work"
_CHURN = "churn"
"""Pseudo-phases: the level failed under load, not while booting."""


class Cancelled(Exception):
    """Raised to end the work in a chain, since its campaign ends."""


@dataclass(frozen=True, kw_only=True)
class CampaignContext:
    """Values that the chains of a campaign share. `begun_s` is the campaign's begin on the monotonic clock.

    `places` are the directories that chains write to; `on_event` takes each event of a chain, `on_measured` each level
    that is measured, and `on_work` a line on how far the work in a chain is.
    """

    host: docker.APIClient
    campaign: Campaign
    begun_s: float
    places: tuple[Path, ...]
    pid_namespaces_free: int
    on_event: Callable[[ChainPlan, Event], None]
    on_measured: Callable[[ChainPlan, int], None]
    on_work: Callable[[ChainPlan, str], None]


class Descent:
    """One chain: `run` carries it out in the calling thread, `cancel` ends it from another."""

    def __init__(self, context: CampaignContext, plan: ChainPlan, task: ChainTask) -> None:
        self.plan = plan
        self._context = context
        self._progress = Progress()
        self._killer = ProcessKiller(task.kill, self._level(task.kill.level)) if task.kill else None
        self._cancelled = threading.Event()
        self._before = read_evidence(context.places)
        self._after: Evidence | None = None
        self._measured: dict[int, _Findings] = {}
        self._churn: ChurnRecord | None = None
        self._soak: list[SoakSample] = []
        self._failure: Failure | None = None

    def cancel(self) -> None:
        """End the work and kick the chain; call it again until `run` has returned."""
        self._cancelled.set()
        try:
            self._context.host.remove_container(self.plan.level(1).container, force=True, v=True)
        except ENGINE_GONE:
            return  # The container is not there yet, or is being removed.

    def run(self) -> ChainRecord:
        """Descend, work, unwind, and return the record. A failure of the chain is recorded, not raised."""
        begun_s = time.monotonic()
        bottom_s = turned_s = None
        try:
            with running(self._context.host, self.plan, self._show) as chain:
                bottom_s = time.monotonic()
                try:
                    self._work_at_bottom(chain)
                except (ExecError, EngineError, *ENGINE_GONE):
                    self._keep_evidence()
                    self._await_failure(chain, _REPORT_LIMIT_S)
                    raise
                except Exception:
                    self._keep_evidence()
                    raise
                turned_s = time.monotonic()
        except LevelError as error:
            self._failed(str(error.reason), error.level, error.phase, error.remedy, error.log_tail)
        except Cancelled:
            pass
        except ExecError as error:
            self._failed(str(error), self.plan.depth, _WORK)
        except (ChainError, EngineError) as error:
            self._failed(error.message, *self._current_phase(), error.remedy)
        except ENGINE_GONE as error:
            self._failed(reason(error), *self._current_phase())
        ended_s = time.monotonic()
        turned_s = turned_s or self._failure_s or bottom_s or begun_s
        return self._record(begun_s, bottom_s, turned_s, ended_s)

    def _show(self, event: Event) -> None:
        self._progress = self._progress.after(event)
        if event.state is State.FAIL:
            if self._cancelled.is_set():
                return  # `cancel` ended it.
            self._keep_evidence()
        if event.phase is Phase.READY and event.state is State.END and self._killer:
            self._killer.on_ready(event.level)
        self._context.on_event(self.plan, event)

    def _keep_evidence(self) -> None:
        """Read the evidence, once and at once: the control groups and files of levels go as they unwind."""
        if self._after is None:
            self._after = self._read_evidence()

    def _read_evidence(self) -> Evidence:
        try:
            container = self._context.host.inspect_container(self.plan.level(1).container)["Id"]
        except ENGINE_GONE:
            container = None
        return read_evidence(self._context.places, container)

    def _level(self, number: int) -> Level:
        return Level(host=self._context.host, plan=self.plan, number=number)

    def _work_at_bottom(self, chain: RunningChain) -> None:
        campaign = self._context.campaign
        if self._killer:
            self._await_kill(chain, self._killer)
            return
        if campaign.measure:
            if self.plan.network is NetworkMode.BRIDGE:
                self._level(self.plan.depth).reach_level_0()
            for number in range(1, self.plan.depth + 1):
                self._check_running(chain)
                self._measured[number] = _measure(self._level(number))
                self._context.on_measured(self.plan, number)
        if campaign.churn:
            self._churn = churn(self._level(self.plan.depth), campaign.churn, self._show_churn)
            if self._churn.errors:
                self._keep_evidence()
                self._failed(self._churn.errors[0], self.plan.depth, _CHURN)
        deadline_s = time.monotonic() + campaign.soak_s
        began_s = time.monotonic()
        while time.monotonic() < deadline_s:
            for number in range(1, self.plan.depth + 1):
                self._check_running(chain)
                self._soak.append(_sample(self._level(number), began_s))
                self._context.on_work(self.plan, f"soak: {time.monotonic() - began_s:.0f} of {campaign.soak_s:.0f} s")
        self._check_running(chain)

    def _show_churn(self, ended: int) -> None:
        self._context.on_work(self.plan, f"churn: {ended} of {self._context.campaign.churn} containers")

    def _check_running(self, chain: RunningChain) -> None:
        if self._cancelled.is_set():
            raise Cancelled
        chain.check()

    def _await_failure(self, chain: RunningChain, limit_s: float) -> None:
        """Wait `limit_s` seconds at most for a level of the chain to fail. Raises LevelError then."""
        deadline_s = time.monotonic() + limit_s
        while time.monotonic() < deadline_s:
            self._check_running(chain)
            time.sleep(_POLL_S)

    def _await_kill(self, chain: RunningChain, killer: ProcessKiller) -> None:
        killer.join(_KILL_LIMIT_S)
        if killer.pid is not None:
            self._await_failure(chain, _KILL_LIMIT_S)

    def _failed(
        self,
        message: str,
        level: int | None,
        phase: str | None,
        remedy: str | None = None,
        log_tail: tuple[str, ...] = (),
    ) -> None:
        if self._cancelled.is_set():
            return
        levels = self.plan.levels[: level or 0]
        images = [(it.number, it.storage.size) for it in levels if it.storage.size is not None]
        self._failure = Failure(
            message=message,
            level=level,
            phase=phase,
            remedy=remedy,
            log_tail=log_tail,
            pid_namespaces=sum(it.pid_namespace is PidNamespace.PRIVATE for it in levels),
            image=min(images, key=lambda it: it[1], default=None),
        )

    def _current_phase(self) -> tuple[int | None, str | None]:
        """Return the deepest level that is in a phase, and the phase; where none is, the deepest that is ready."""
        for level in reversed(self._progress.levels):
            if level.current:
                return level.number, level.current.phase.value
        ready = self._progress.in_state(LevelProgressState.READY)
        return (ready[-1].number, _WORK) if ready else (None, None)

    @property
    def _failure_s(self) -> float | None:
        moments = [level.failure.monotonic_s for level in self._progress.levels if level.failure]
        return min(moments, default=None)

    def _record(self, begun_s: float, bottom_s: float | None, turned_s: float, ended_s: float) -> ChainRecord:
        ready = [level.number for level in self._progress.levels if level.ready_s is not None]
        return ChainRecord(
            name=self.plan.name,
            depth_asked=self.plan.depth,
            depth_reached=max(ready, default=0),
            begun_s=begun_s - self._context.begun_s,
            descent_s=None if bottom_s is None else bottom_s - begun_s,
            ascent_s=ended_s - turned_s,
            kicked=ended_s - turned_s >= stop_timeout_s(self.plan, 1),
            levels=tuple(self._level_record(level) for level in self._progress.levels),
            wall=self._wall(),
            kill=self._kill(ended_s),
            churn=self._churn,
            soak=tuple(self._soak),
        )

    def _level_record(self, level: LevelProgress) -> LevelRecord:
        found = self._measured.get(level.number, _Findings())
        measured = [self._measured.get(number) for number in range(1, level.number + 1)]
        namespaces = {it.measure.pid_namespace for it in measured if it and it.measure}
        return LevelRecord(
            number=level.number,
            spans=tuple(
                Span(phase=step.phase.value, begun_s=step.begun_s - self._context.begun_s, seconds=step.seconds)
                for step in level.steps
            ),
            ready_s=level.ready_s,
            unwound_s=level.unwound_s,
            pid_namespaces=len(namespaces) if found.measure else None,
            measure=found.measure,
            api_s=found.api_s,
            run_s=found.run_s,
        )

    def _wall(self) -> WallRecord | None:
        if self._failure is None or (self._killer and self._killer.pid is not None):
            return None
        incident = Incident(
            failure=self._failure,
            before=self._before,
            after=self._after or read_evidence(self._context.places),
            pid_namespaces_free=self._context.pid_namespaces_free,
        )
        return explain_wall(incident)

    def _kill(self, ended_s: float) -> KillRecord | None:
        killer = self._killer
        if killer is None:
            return None
        hit = killer.pid is not None and killer.killed_s is not None and self._failure is not None
        return KillRecord(
            level=killer.kill.level,
            target=killer.kill.target.value,
            trigger=killer.kill.trigger,
            delay_s=killer.kill.delay_s,
            pid=killer.pid,
            ended_s=ended_s - killer.killed_s if hit and killer.killed_s is not None else None,
        )


@dataclass(frozen=True, kw_only=True)
class _Findings:
    """Measurements of one level."""

    measure: LevelMeasure | None = None
    api_s: float | None = None
    run_s: float | None = None


def _measure(level: Level) -> _Findings:
    found = _Findings(measure=level.measure(), api_s=level.ping_s())
    return replace(found, run_s=level.run_s())


def _sample(level: Level, began_s: float) -> SoakSample:
    measure = level.measure()
    return SoakSample(
        at_s=time.monotonic() - began_s,
        level=level.number,
        api_s=level.ping_s(),
        run_s=level.run_s(),
        pss=measure.pss,
        threads=measure.threads,
        descriptors=measure.descriptors,
    )
