"""Finds what differs between machines, and sets it against their results."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence

from inception.fleet.report.contrast import CHANCE, MIN_MACHINES, effect, fisher
from inception.fleet.report.record import LEAKING, REACHED, Effect, Machine, Remark, Trait, TraitGroup
from inception.plan.formats.size import GIB
from inception.stress.report.costs import COSTS
from inception.stress.report.record import LevelEngines, Report, Status

_MAX_VALUES = 12
"""Of a trait with more values the rarest are one group."""


def traits_of(report: Report) -> dict[str, str]:
    """Return what may differ between machines: the machine, its engine, the program and the campaign, by name."""
    where, campaign = report.environment, report.campaign
    return {
        "kernel": where.kernel,
        "cgroup": f"v{where.cgroup_version}",
        "engine": where.engine_version,
        "image store": where.storage_driver,
        "levels' engines": "; ".join(dict.fromkeys(map(_engine, where.level_engines))) or "unknown",
        "architecture": where.machine,
        "CPUs": str(where.cpus),
        "memory": f"{where.memory / GIB:.0f} GiB",
        "free PID namespaces": str(where.pid_namespaces_free),
        "level image": where.image_id.removeprefix("sha256:")[:12],
        "program": where.program,
        "Python": where.python,
        "depth asked": str(campaign.max_depth),
        "cycles asked": "any" if campaign.cycles is None else str(campaign.cycles),
        "chains at once": str(campaign.chains),
        "storage": campaign.storage,
        "image transfer": campaign.image_transfer,
        "network": campaign.network,
        "PID namespaces": campaign.pid,
    }


def _engine(engines: LevelEngines) -> str:
    return " ".join(filter(None, (engines.engine_version or "unknown", engines.image_store, engines.runtime)))


def find_traits(machines: Sequence[Machine]) -> tuple[Trait, ...]:
    """Return the traits in which the machines differ, those with remarks first; each group against all others."""
    splits: dict[tuple[int, ...], list[tuple[str, tuple[str, ...]]]] = {}
    for name in machines[0].traits if machines else ():
        values = _folded([it.traits[name] for it in machines])
        numbers = {value: number for number, value in enumerate(dict.fromkeys(values))}
        if len(numbers) > 1:
            splits.setdefault(tuple(numbers[it] for it in values), []).append((name, values))
    # Each group is compared by its results, its leaks and its costs.
    comparisons = sum(max(split) + 1 for split in splits) * (len(COSTS) + 2)
    found = [_trait(machines, alike, comparisons) for alike in splits.values()]
    return tuple(sorted(found, key=lambda trait: not any(it.remarks for it in trait.groups)))


def _folded(values: Sequence[str]) -> tuple[str, ...]:
    """Return the values with all but the most frequent ones made one."""
    counts = {it: values.count(it) for it in dict.fromkeys(values)}
    if len(counts) <= _MAX_VALUES:
        return tuple(values)
    kept = sorted(counts, key=lambda it: -counts[it])[: _MAX_VALUES - 1]
    rest = f"{len(counts) - len(kept)} other values"
    return tuple(it if it in kept else rest for it in values)


def _trait(machines: Sequence[Machine], alike: Sequence[tuple[str, tuple[str, ...]]], comparisons: int) -> Trait:
    members: dict[tuple[str, ...], list[Machine]] = {}
    for index, machine in enumerate(machines):
        members.setdefault(tuple(values[index] for _, values in alike), []).append(machine)
    groups = [_group(", ".join(value), group, machines, comparisons) for value, group in members.items()]
    return Trait(names=tuple(name for name, _ in alike), groups=tuple(sorted(groups, key=lambda it: -it.machines)))


def _group(value: str, group: Sequence[Machine], machines: Sequence[Machine], comparisons: int) -> TraitGroup:
    names = {it.name for it in group}
    others = [it for it in machines if it.name not in names]
    effects = {
        cost.name: found
        for cost in COSTS
        if (found := effect(_logs(group, cost.name), _logs(others, cost.name), comparisons=comparisons))
    }
    depths = [it.depth for it in group]
    return TraitGroup(
        value=value,
        machines=len(group),
        reached=sum(it.status is Status.REACHED for it in group),
        walls=sum(it.status is Status.WALL for it in group),
        stopped=sum(it.status is Status.STOPPED for it in group),
        leaking=sum(bool(it.leaks) for it in group),
        depths=(min(depths), statistics.median(depths), max(depths)),
        effects=effects,
        remarks=tuple(_remarks(group, others, effects, comparisons)),
    )


def _logs(machines: Sequence[Machine], cost: str) -> list[float]:
    return [math.log(it.costs[cost].relative) for it in machines if cost in it.costs]


def _remarks(
    group: Sequence[Machine], others: Sequence[Machine], effects: dict[str, Effect], comparisons: int
) -> Iterator[Remark]:
    total = len(group) + len(others)
    for subject, what, is_good, has in (
        (REACHED, "reached the depth", True, lambda it: it.status is Status.REACHED),
        (LEAKING, "left something behind", False, lambda it: bool(it.leaks)),
    ):
        hits, elsewhere = sum(map(has, group)), sum(map(has, others))
        if total < MIN_MACHINES or fisher(hits, len(group), hits + elsewhere, total) > CHANCE / comparisons:
            continue
        is_more = hits * len(others) > elsewhere * len(group)
        text = f"{hits} of {len(group)} {what}, {elsewhere} of {len(others)} of the others"
        yield Remark(subject=subject, text=text, is_worse=is_more != is_good)
    for cost in COSTS:
        found = effects.get(cost.name)
        if found and found.is_beyond_noise:
            text = f"{cost.title} {found.ratio:.2f} of the others'"
            yield Remark(subject=cost.name, text=text, is_worse=found.ratio > 1)
