"""Judges a campaign: a status, a headline, and findings that need attention."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from inception.stress.campaign import Campaign
from inception.stress.execute import Outcome
from inception.stress.report.record import ChainRecord, Ending, Status, Verdict
from inception.stress.report.trend import Drift, find_drift
from inception.stress.wall.model import Cause

DRIFT_TITLES = {
    "ready_s": "the time a level takes",
    "ascent_s": "the time of unwinding",
    "pss": "the memory of a level",
    "disk": "the disk of a level",
    "api_s": "the engines' answers",
    "run_s": "the time of a container",
}


def judge(campaign: Campaign, outcome: Outcome, drifts: Mapping[str, Drift]) -> Verdict:
    """Return the verdict on `campaign`."""
    chains = [chain for cycle in outcome.cycles for chain in cycle.chains]
    depth = max((chain.depth_reached for chain in chains), default=0)
    walls = [chain for chain in chains if chain.wall is not None]
    if walls:
        status, headline = Status.WALL, _wall_headline(walls[0])
    elif outcome.ending is not Ending.COMPLETE:
        status, headline = Status.STOPPED, f"stopped ({outcome.ending}) after {_count(len(outcome.cycles), 'cycle')}"
    else:
        status, headline = Status.REACHED, _reached_headline(campaign, chains, len(outcome.cycles))
    leaks = sum(len(cycle.leaks) for cycle in outcome.cycles)
    findings = [*_leak_finding(leaks), *_chain_findings(chains), *_drift_findings(drifts)]
    return Verdict(status=status, headline=headline, depth=depth, findings=tuple(findings))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _wall_headline(chain: ChainRecord) -> str:
    wall = chain.wall
    if wall is None:
        raise ValueError(f"chain {chain.name} has no wall")
    what = "an unknown wall" if wall.cause == Cause.UNKNOWN else f"the wall is {wall.title}"
    where = "before level 1" if wall.level is None else f"at level {wall.level}"
    at = f", in its phase {wall.phase}" if wall.phase else ""
    return f"{what}, {where} of {chain.depth_asked}{at}"


def _reached_headline(campaign: Campaign, chains: list[ChainRecord], cycles: int) -> str:
    if campaign.chaos_seed is not None:
        hit = sum(chain.kill is not None and chain.kill.pid is not None for chain in chains)
        kicked = sum(chain.kicked for chain in chains)
        how = f"{kicked} had to be kicked" if kicked else "all unwound"
        return f"{_count(hit, 'kill')} in {_count(len(chains), 'chain')} of depth {campaign.depth}, {how}"
    times = "" if cycles == 1 else f", {cycles} times"
    at_once = "" if campaign.chains == 1 else f", {campaign.chains} chains at once"
    return f"depth {campaign.depth} reached{times}{at_once}"


def _leak_finding(leaks: int) -> Iterator[str]:
    if leaks:
        yield f"{_count(leaks, 'thing')} left behind on the host"


def _chain_findings(chains: Iterable[ChainRecord]) -> Iterator[str]:
    for chain in chains:
        if chain.kicked:
            yield f"chain {chain.name} did not unwind in time and was kicked"
        if chain.churn and chain.churn.errors:
            yield f"containers failed at the bottom of {chain.name}: {chain.churn.errors[0]}"
        if chain.kill and chain.kill.pid is not None and chain.kill.ended_s is None:
            yield f"chain {chain.name} went on without {chain.kill.target} of level {chain.kill.level}"
        for level in chain.levels:
            if level.measure and level.measure.inherited:
                yield f"level {level.number} of {chain.name} inherited descriptors {level.measure.inherited}"
        yield from _soak_findings(chain)


def _soak_findings(chain: ChainRecord) -> Iterator[str]:
    """Yield a finding for each number of a level that grew while its chain was held."""
    for number in sorted({sample.level for sample in chain.soak}):
        samples = [sample for sample in chain.soak if sample.level == number]
        for what, values in (
            ("memory", [float(it.pss) for it in samples]),
            ("threads", [float(it.threads) for it in samples]),
            ("descriptors", [float(it.descriptors) for it in samples]),
            ("the time of a container", [it.run_s for it in samples]),
        ):
            drift = find_drift(values)
            if drift and drift.is_beyond_noise and drift.change > 0:
                yield f"{what} of level {number} of {chain.name} grew by {drift.change:.0%} while it was held"


def _drift_findings(drifts: Mapping[str, Drift]) -> Iterator[str]:
    for name, drift in drifts.items():
        if drift.is_beyond_noise:
            moved = "grew" if drift.change > 0 else "shrank"
            yield f"{DRIFT_TITLES[name]} {moved} by {abs(drift.change):.0%} over {drift.cycles} cycles"
