"""Assembles the report of a campaign: fits, drifts, the environment, and the verdict."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from itertools import groupby
from statistics import median

from inception import __version__
from inception.errors import PlanError
from inception.plan.chain import ChainPlan
from inception.plan.facts import Facts
from inception.plan.request import Request
from inception.stress.campaign import Campaign
from inception.stress.evidence import read_evidence
from inception.stress.execute import Outcome
from inception.stress.host import memory_total
from inception.stress.report.costs import COSTS, by_level
from inception.stress.report.record import (
    REPORT_VERSION,
    CampaignRecord,
    ChainRecord,
    CycleRecord,
    Ending,
    Environment,
    LevelEngines,
    Report,
    Status,
    Verdict,
)
from inception.stress.report.trend import Drift, PowerFit, find_drift, fit_power
from inception.stress.verdict import judge
from inception.stress.wall.explain import explain_wall
from inception.stress.wall.model import Failure, Incident


def assemble(
    campaign: Campaign, environment: Environment, outcome: Outcome, *, begun: float, command: tuple[str, ...]
) -> Report:
    """Return the report of `campaign`, begun at Unix time `begun`; `command` repeats it."""
    chains = [chain for cycle in outcome.cycles for chain in cycle.chains]
    drifts = find_drifts(outcome.cycles)
    return Report(
        version=REPORT_VERSION,
        begun=begun,
        seconds=outcome.seconds,
        ending=outcome.ending,
        campaign=campaign_record(campaign, command),
        environment=environment,
        verdict=judge(campaign, outcome, drifts),
        fits=find_fits(chains),
        drifts=drifts,
        cycles=outcome.cycles,
    )


def assemble_refusal(
    campaign: Campaign, environment: Environment, refused: PlanError, *, begun: float, command: tuple[str, ...]
) -> Report:
    """Return the report of a campaign that was not begun because its plan was refused."""
    failure = Failure(message=refused.message, remedy=refused.remedy)
    now = read_evidence(())
    incident = Incident(failure=failure, before=now, after=now)
    return Report(
        version=REPORT_VERSION,
        begun=begun,
        seconds=0.0,
        ending=Ending.REFUSED,
        campaign=campaign_record(campaign, command),
        environment=environment,
        verdict=Verdict(status=Status.STOPPED, headline=f"refused: {refused.message}", depth=0, findings=()),
        fits={},
        drifts={},
        cycles=(),
        refusal=explain_wall(incident),
    )


def find_fits(chains: Iterable[ChainRecord]) -> dict[str, PowerFit]:
    """Fit a power law of depth to each cost that has levels enough."""
    kept = tuple(chains)
    found = {}
    for cost in COSTS:
        points = by_level(kept, cost)
        if fit := fit_power(list(points), list(points.values())):
            found[cost.name] = fit
    return found


def find_drifts(cycles: Iterable[CycleRecord]) -> dict[str, Drift]:
    """Find the drift of each cost, and of unwinding, from cycle to cycle, where there are cycles enough."""
    kept = tuple(cycles)
    series: dict[str, list[float]] = {}
    for cost in COSTS:
        middles = [list(by_level(cycle.chains, cost).values()) for cycle in kept]
        if all(middles):
            series[cost.name] = [median(it) for it in middles]
    ascents = [[chain.ascent_s for chain in cycle.chains if chain.ascent_s is not None] for cycle in kept]
    if all(ascents):
        series["ascent_s"] = [median(it) for it in ascents]
    return {name: drift for name, values in series.items() if (drift := find_drift(values))}


def campaign_record(campaign: Campaign, command: tuple[str, ...]) -> CampaignRecord:
    """Return the options of `campaign` for its report."""
    request: Request = campaign.request
    return CampaignRecord(
        max_depth=request.depth,
        cycles=campaign.cycles,
        chains=campaign.chains,
        churn=campaign.churn,
        soak_s=campaign.soak_s,
        chaos_seed=campaign.chaos_seed,
        time_limit_s=campaign.time_limit_s,
        pid=request.pid.value,
        storage=request.storage.value,
        image_transfer=request.image_transfer.value,
        network=request.network.value,
        command=command,
    )


def level_engines(plan: ChainPlan) -> tuple[LevelEngines, ...]:
    """Return the engines of the levels of `plan`, levels in a row with the same one together."""
    engines = [(level.image, plan.seed_of(level.number), level.runtime) for level in plan.levels]
    described = [(image, seed.engine_version, seed.store.value, runtime or "") for image, seed, runtime in engines]
    runs = [(value, [number for number, _ in run]) for value, run in groupby(enumerate(described, 1), lambda it: it[1])]
    return tuple(
        LevelEngines(
            first=numbers[0],
            last=numbers[-1],
            image=image,
            engine_version=version,
            image_store=store,
            runtime=runtime,
        )
        for (image, version, store, runtime), numbers in runs
    )


def environment_of(facts: Facts, image: str, engines: tuple[LevelEngines, ...] = ()) -> Environment:
    """Return the machine, the engine and the program for a report, and the `engines` of the levels if known."""
    return Environment(
        program=__version__,
        python=platform.python_version(),
        kernel=facts.host.kernel,
        machine=platform.machine(),
        cpus=facts.host.cpus or os.cpu_count() or 1,
        memory=memory_total(),
        engine=facts.engine.endpoint,
        engine_version=facts.engine.version,
        storage_driver=facts.engine.storage_driver,
        cgroup_version=facts.engine.cgroup_version,
        image=image,
        image_id=next((it.image_id for it in facts.images if it.name == image), ""),
        pid_namespaces_free=facts.host.pid_namespaces_free,
        level_engines=engines,
    )
