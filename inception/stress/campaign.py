"""A campaign, as `inception stress` was asked for it, and its cycles. Nothing is touched here."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from inception.errors import UsageError
from inception.plan.light_dataclasses import dataclass, replace
from inception.plan.request import NAME_LIMIT, Request
from inception.stress.chaos import Kill, kill_for

NAME_ROOM = 10
"""Characters that the number of a cycle and of a chain add to the campaign's name."""


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """Options of a campaign; `request` is that of each chain, but for its name.

    `cycles` descents, or with None as many as `time_limit_s` has room for; `chains` at once; `churn` short containers
    at the bottom of each; `soak_s` seconds of work in every level before unwinding. With `chaos_seed`, one process of
    each chain is killed. `measure` says whether each level is measured at the bottom.
    """

    request: Request
    cycles: int | None = 1
    chains: int = 1
    churn: int = 0
    soak_s: float = 0.0
    chaos_seed: int | None = None
    time_limit_s: float | None = None
    measure: bool = True

    @property
    def depth(self) -> int:
        """Number of levels of each chain."""
        return self.request.depth

    def check(self) -> None:
        """Raise UsageError for options that contradict each other."""
        if self.depth < 1:
            raise UsageError("a campaign of depth 0 nests nothing", remedy="give --max-depth 1 or more")
        if not self.request.shape.is_line:
            raise UsageError(
                "a campaign descends to one bottom, and a tree has several", remedy="give a file of a line"
            )
        if len(self.request.name) > NAME_LIMIT - NAME_ROOM:
            raise UsageError(
                f"{self.request.name!r} is too long to name the chains of a campaign",
                remedy=f"use {NAME_LIMIT - NAME_ROOM} characters at most",
            )
        if self.cycles is None and self.time_limit_s is None:
            raise UsageError("chaos without an end", remedy="give --cycles or --time-limit")


@dataclass(frozen=True, kw_only=True)
class ChainTask:
    """One chain of a cycle: its request, and the kill planned for it."""

    request: Request
    kill: Kill | None = None


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """One descent of a campaign, counted from 1, with all its chains at once."""

    number: int
    tasks: tuple[ChainTask, ...]


def cycles(campaign: Campaign) -> Iterator[Cycle]:
    """Yield the cycles of `campaign`, in order; without end if it has no number of them."""
    for number in count(1):
        if campaign.cycles is not None and number > campaign.cycles:
            return
        yield Cycle(
            number=number,
            tasks=tuple(_task(campaign, number, chain) for chain in range(1, campaign.chains + 1)),
        )


def _task(campaign: Campaign, cycle: int, chain: int) -> ChainTask:
    name = f"{campaign.request.name}-{cycle}" + (f"-{chain}" if campaign.chains > 1 else "")
    return ChainTask(
        request=replace(campaign.request, name=name),
        kill=None
        if campaign.chaos_seed is None
        else kill_for(campaign.chaos_seed, cycle, chain, campaign.request.depth),
    )
