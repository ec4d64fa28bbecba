"""Carries out a campaign, cycle by cycle, and reads the host before and after each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path, PurePosixPath
from statistics import median

from inception.chain.prepare import plan_on
from inception.engine.connect import Engine
from inception.engine.translate import translated
from inception.errors import Interrupted
from inception.places import run_root
from inception.plan.chain import ChainPlan
from inception.plan.events import Event, Phase, State
from inception.plan.facts import Facts
from inception.plan.light_dataclasses import dataclass, replace
from inception.probe.image_store import find_image_directory
from inception.stress.campaign import Campaign, Cycle, cycles
from inception.stress.descent import CampaignContext, Descent
from inception.stress.eta import Eta
from inception.stress.host import read_host
from inception.stress.inventory import Gap, Inventory, Thing, is_container_of, settled
from inception.stress.leaks import OwnChains, leaked
from inception.stress.report.record import ChainRecord, CycleRecord, Ending

_KICK_PAUSE_S = 0.2
_KICK_LIMIT_S = 60.0
_SAY_EVERY_S = 5.0
"""Seconds between two lines on how far the measuring or the work is, each step of which takes less than one."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Result of a campaign. `interruption` is the signal that ended it early, if any."""

    cycles: tuple[CycleRecord, ...]
    ending: Ending
    seconds: float
    interruption: Interrupted | None = None


class Execution:
    """One campaign on `engine`, which has the images and seeds of `facts`. `on_message` takes lines for the user."""

    def __init__(
        self,
        engine: Engine,
        campaign: Campaign,
        *,
        facts: Facts,
        on_message: Callable[[str], None],
    ) -> None:
        self._engine = engine
        self._campaign = campaign
        self._facts = facts
        self._on_message = on_message
        self._begun_s = time.monotonic()
        with translated("asking the engine for its directories"):
            info = engine.client.info()
        self._data_root = Path(info["DockerRootDir"])
        images = find_image_directory(engine.endpoint, info)
        self._eta = Eta(campaign=campaign)
        self._done: list[tuple[CycleRecord, frozenset[Thing]]] = []
        self._inventories: list[frozenset[Thing]] = []
        self._mentioned: frozenset[Gap] = frozenset()
        self._said_s = 0.0
        """When the user was last told how far it is, on CLOCK_MONOTONIC."""
        self._in_container = is_container_of(engine)
        self._context = CampaignContext(
            host=engine.client,
            campaign=campaign,
            begun_s=self._begun_s,
            places=(run_root(), self._data_root, *([images] if images else ())),
            pid_namespaces_free=facts.host.pid_namespaces_free,
            on_event=self._on_event,
            on_measured=self._on_measured,
            on_work=self._on_work,
        )

    def run(self) -> Outcome:
        """Run all cycles, or those for which there is time. Raises PlanError or EngineError before a cycle begins."""
        ending, interruption = Ending.COMPLETE, None
        try:
            for cycle in cycles(self._campaign):
                if not self._has_time_for_another():
                    # A campaign without a number of cycles is complete when its time is up.
                    ending = Ending.COMPLETE if self._campaign.cycles is None else Ending.TIME_LIMIT
                    break
                if self._run_cycle(cycle):
                    ending = Ending.TIME_LIMIT
                    break
        except Interrupted as signal:
            ending, interruption = Ending.INTERRUPTED, signal
        return Outcome(
            cycles=tuple(self._with_leaks()),
            ending=ending,
            seconds=time.monotonic() - self._begun_s,
            interruption=interruption,
        )

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._begun_s

    def _has_time_for_another(self) -> bool:
        limit_s = self._campaign.time_limit_s
        if limit_s is None or not self._done:
            return True
        return self._elapsed_s() + median(record.seconds for record, _ in self._done) <= limit_s

    def _run_cycle(self, cycle: Cycle) -> bool:
        """Run one cycle and keep its record. Return whether the time limit cut it short."""
        begun_s = time.monotonic()
        there = self._facts.images, self._facts.seeds
        plans = [plan_on(self._engine, task.request, *there) for task in cycle.tasks]
        before = Inventory.take(self._engine)
        self._mention_gaps(before)
        host_before = read_host(self._data_root, in_container=self._in_container)
        descents = [Descent(self._context, plan, task) for plan, task in zip(plans, cycle.tasks, strict=True)]
        records: list[ChainRecord] = []
        try:
            in_time = self._carry_out(descents, records)
        finally:
            after = settled(before, self._engine)
            record = CycleRecord(
                number=cycle.number,
                begun_s=begun_s - self._begun_s,
                seconds=time.monotonic() - begun_s,
                before=host_before,
                after=read_host(self._data_root, in_container=self._in_container),
                leaks=(),
                chains=tuple(records),
            )
            names = frozenset(task.request.name for task in cycle.tasks)
            ours = OwnChains(chains=names, run_root=PurePosixPath(run_root()))
            readable = filter(before.covers, after.things)
            self._done.append((record, leaked(before.things, readable, ours)))
            self._inventories.append(after.things)
        self._eta = self._eta.after_cycle(record.seconds)
        self._on_message(self._line(record))
        return not in_time

    def _mention_gaps(self, inventory: Inventory) -> None:
        """Report once what cannot be read here, and so is not compared."""
        for gap in sorted(inventory.gaps - self._mentioned, key=str):
            self._on_message(f"not looked at for leaks: {gap}")
        self._mentioned |= inventory.gaps

    def _carry_out(self, descents: Sequence[Descent], records: list[ChainRecord]) -> bool:
        """Run all chains at once, each in its own thread. Return whether they ended before the time limit."""
        with ThreadPoolExecutor(len(descents), thread_name_prefix="chain") as pool:
            futures = [pool.submit(descent.run) for descent in descents]
            try:
                in_time = self._wait(futures)
                if not in_time:
                    _cancel(descents, futures)
            except BaseException:
                _cancel(descents, futures)
                raise
            finally:
                records.extend(future.result() for future in futures if future.done() and not future.exception())
            for future in futures:
                future.result()
        return in_time

    def _wait(self, futures: Sequence[Future[ChainRecord]]) -> bool:
        limit_s = self._campaign.time_limit_s
        # Without a number of cycles, the limit only stops new cycles: each is short.
        hard = limit_s is not None and self._campaign.cycles is not None
        timeout_s = max(0.0, (limit_s or 0.0) - self._elapsed_s()) if hard else None
        return not wait(futures, timeout_s, return_when=FIRST_EXCEPTION).not_done

    def _on_event(self, plan: ChainPlan, event: Event) -> None:
        ready = event.phase is Phase.READY and event.state is State.END
        if event.state is State.FAIL:
            self._on_message(f"chain {plan.name}: level {event.level} failed at {event.phase}: {event.message}")
        if not ready or self._campaign.chains > 1 or self._campaign.chaos_seed is not None:
            return
        self._eta = self._eta.after_level(event.level, event.monotonic_s)
        if self._campaign.cycles == 1:
            self._say(f"level {event.level} of {plan.depth} is ready{self._to_go(event.level)}")

    def _on_measured(self, plan: ChainPlan, number: int) -> None:
        one_chain = self._campaign.chains == 1 and self._campaign.cycles == 1
        if one_chain and time.monotonic() - self._said_s > _SAY_EVERY_S:
            self._say(f"level {number} of {plan.depth} is measured{self._to_go(plan.depth, number)}")

    def _on_work(self, plan: ChainPlan, line: str) -> None:
        if time.monotonic() - self._said_s > _SAY_EVERY_S:
            self._say(line if self._campaign.chains == 1 else f"chain {plan.name}: {line}")

    def _say(self, line: str) -> None:
        self._said_s = time.monotonic()
        self._on_message(line)

    def _to_go(self, level: int, measured: int = 0) -> str:
        left_s = self._eta.left_s(len(self._done), level, self._elapsed_s(), measured=measured)
        return f", about {left_s:.0f} s to go" if left_s else ""

    def _line(self, record: CycleRecord) -> str:
        of = "" if self._campaign.cycles is None else f" of {self._campaign.cycles}"
        depth = min((chain.depth_reached for chain in record.chains), default=0)
        kills = "".join(
            f", killed {chain.kill.target} of level {chain.kill.level}" for chain in record.chains if chain.kill
        )
        walls = "".join(f", wall: {chain.wall.title}" for chain in record.chains if chain.wall)
        return f"cycle {record.number}{of}: {depth} levels, {record.seconds:.1f} s{kills}{walls}{self._to_go(0)}"

    def _with_leaks(self) -> list[CycleRecord]:
        """Return the records, each with its leaks: the things that are still there after every later cycle.

        What others on this host start meanwhile comes and goes.
        """
        if not self._done:
            return []
        still = [*self._inventories, Inventory.take(self._engine).things]
        return [
            replace(record, leaks=tuple(str(thing) for thing in sorted(grown.intersection(*still[index:]))))
            for index, (record, grown) in enumerate(self._done)
        ]


def _cancel(descents: Sequence[Descent], futures: Sequence[Future[ChainRecord]]) -> None:
    """Kick all chains until their threads have ended, or a minute has passed."""
    deadline_s = time.monotonic() + _KICK_LIMIT_S
    while time.monotonic() < deadline_s:
        for descent, future in zip(descents, futures, strict=True):
            if not future.done():
                descent.cancel()
        if not wait(futures, _KICK_PAUSE_S).not_done:
            return
