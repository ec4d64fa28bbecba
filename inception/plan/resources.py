"""Limits of resources: what a level and everything below it may use, as control groups enforce it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from inception.plan.engine.options import LevelRange, split_levels
from inception.plan.formats.size import parse_size, show_size
from inception.plan.light_dataclasses import dataclass

_LEAST_CPUS = 0.01
"""Docker refuses less."""
_WHOLE_CHAIN = LevelRange(first=1, last=1)
"""A limit of level 1 holds for the whole chain: the control groups of all levels lie in that of level 1."""


class Resource(StrEnum):
    """A limited resource, named as its option is."""

    MEMORY = "memory"
    CPUS = "cpus"
    PIDS = "pids"
    SHM_SIZE = "shm-size"


@dataclass(frozen=True, kw_only=True)
class ResourceLimit:
    """Limit of one resource in the levels of a range. Memory is in bytes, CPUs are a number of them, pids of tasks."""

    resource: Resource
    levels: LevelRange
    amount: float


@dataclass(frozen=True, kw_only=True)
class LevelResources:
    """Limits of one level: memory and the size of its /dev/shm in bytes, CPUs, and tasks; None is no limit."""

    memory: int | None = None
    cpus: float | None = None
    pids: int | None = None
    shm_size: int | None = None

    @property
    def contains_levels_below(self) -> bool:
        """Whether the levels below count as this one's, so that their control groups lie in its own."""
        return (self.memory, self.cpus, self.pids) != (None, None, None)

    def __str__(self) -> str:
        """Return the limits as a list for people, empty if there are none."""
        parts = (
            None if self.memory is None else show_size(self.memory),
            None if self.cpus is None else f"{self.cpus:g} CPUs",
            None if self.pids is None else f"{self.pids} tasks",
            None if self.shm_size is None else f"shared memory {show_size(self.shm_size)}",
        )
        return ", ".join(filter(None, parts))


NO_LIMITS = LevelResources()


def parse_limit(resource: Resource, text: str) -> ResourceLimit:
    """Return the limit that `[LEVELS:]AMOUNT` stands for. Raises ValueError.

    Without levels it holds for the whole chain, but for the size of /dev/shm, which each level has.
    """
    levels, amount = split_levels(text, ":")
    if amount == text and resource is not Resource.SHM_SIZE:
        levels = _WHOLE_CHAIN
    return ResourceLimit(resource=resource, levels=levels, amount=_amount(resource, amount))


def _amount(resource: Resource, text: str) -> float:
    match resource:
        case Resource.MEMORY | Resource.SHM_SIZE:
            amount: float = parse_size(text)
        case Resource.CPUS:
            amount = _number(text, float)
        case Resource.PIDS:
            amount = _number(text, int)
    if not 0 < amount < float("inf"):
        raise ValueError(f"{resource} of {text} is nothing to limit to")
    if resource is Resource.CPUS and amount < _LEAST_CPUS:
        raise ValueError(f"cpus of {text} is less than {_LEAST_CPUS}, the least that Docker takes")
    return amount


def _number(text: str, kind: type[int | float]) -> float:
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None


def resources_of(level: int, limits: Sequence[ResourceLimit]) -> LevelResources:
    """Return the limits of `level`: of several for one resource the last one counts."""
    last = {it.resource: it.amount for it in limits if level in it.levels}

    def whole(resource: Resource) -> int | None:
        return int(last[resource]) if resource in last else None

    return LevelResources(
        memory=whole(Resource.MEMORY),
        cpus=last.get(Resource.CPUS),
        pids=whole(Resource.PIDS),
        shm_size=whole(Resource.SHM_SIZE),
    )
