"""Marks the machines that are apart from the others: leaks, chains that were kicked, depths, outlying costs.

A machine is compared with its peers: if a trait explains much of a cost, as a kernel does, those are the machines with
the same value of it. A quarter of a fleet with a slow kernel is a group, which the traits show, not so many outliers.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from inception.fleet.report.contrast import MIN_MACHINES, outliers
from inception.fleet.report.record import REACHED, Machine, Trait, TraitGroup, count_of
from inception.plan.light_dataclasses import dataclass, replace
from inception.stress.report.costs import COSTS

_Marks = dict[str, list[str]]
"""The marks of each machine, by its name."""


@dataclass(frozen=True, kw_only=True)
class _Peers:
    """Machines to be compared with one another, and the words for them: empty for the whole fleet."""

    machines: tuple[Machine, ...]
    words: str


def marked(machines: Sequence[Machine], traits: Sequence[Trait]) -> tuple[Machine, ...]:
    """Return the machines with the marks of those that are apart from their peers."""
    marks: _Marks = {it.name: [] for it in machines}
    for machine in machines:
        if machine.leaks:
            marks[machine.name].append(f"left {count_of(len(machine.leaks), 'thing')} behind")
        if machine.kicked:
            marks[machine.name].append(f"{count_of(machine.kicked, 'chain')} had to be kicked")
    for peers in _peers(machines, traits, REACHED):
        _mark_depths(peers, marks)
    for cost in COSTS:
        having = [it for it in machines if cost.name in it.costs]
        for peers in _peers(having, traits, cost.name):
            relative = {it.name: math.log(it.costs[cost.name].relative) for it in peers.machines}
            for name, far in outliers(relative).items():
                marks[name].append(f"{cost.title} {math.exp(far):.2f} of the median{peers.words}")
    return tuple(replace(it, marks=tuple(marks[it.name])) for it in machines)


def _mark_depths(peers: _Peers, marks: _Marks) -> None:
    """Mark the machines that came less deep than most, where most came equally deep."""
    depths = Counter(it.depth for it in peers.machines)
    depth, count = depths.most_common(1)[0]
    if len(peers.machines) < MIN_MACHINES or 2 * count <= len(peers.machines):
        return
    for machine in peers.machines:
        if machine.depth < depth:
            marks[machine.name].append(f"depth {machine.depth}, most{peers.words} have {depth}")


def _peers(machines: Sequence[Machine], traits: Sequence[Trait], subject: str) -> Iterator[_Peers]:
    """Yield the machines by the trait that explains most of `subject`; those of small groups together."""
    trait = max(
        (it for it in traits if any(remark.subject == subject for group in it.groups for remark in group.remarks)),
        key=lambda it: _spread(it, subject),
        default=None,
    )
    if trait is None:
        if machines:
            yield _Peers(machines=tuple(machines), words="")
        return
    name = trait.names[0]
    groups: dict[str, list[Machine]] = {}
    for machine in machines:
        groups.setdefault(machine.traits[name], []).append(machine)
    small = [value for value, group in groups.items() if len(group) < MIN_MACHINES]
    if rest := tuple(machine for value in small for machine in groups.pop(value)):
        yield _Peers(machines=rest, words="")
    for value, group in groups.items():
        yield _Peers(machines=tuple(group), words=f" with {name} {value}")


def _spread(trait: Trait, subject: str) -> float:
    """Return how far apart the groups of a trait are."""
    values = [_position(group, subject) for group in trait.groups if group.machines >= MIN_MACHINES]
    return max(values, default=0.0) - min(values, default=0.0)


def _position(group: TraitGroup, subject: str) -> float:
    if subject == REACHED:
        return group.reached / group.machines
    found = group.effects.get(subject)
    return math.log(found.ratio) if found else 0.0
