"""Plans of a running chain that grows or shrinks: the levels that stay are left as they are."""

from __future__ import annotations

from dataclasses import replace

from inception.plan.chain import ChainPlan
from inception.plan.facts import Facts
from inception.plan.planner import plan_chain
from inception.plan.refusal import Refusal


def grown(plan: ChainPlan, by: int, facts: Facts) -> ChainPlan:
    """Return `plan` with `by` more levels at the bottom, on the host that `facts` describe now. Raises Refusal."""
    _check(by)
    request = replace(
        plan.request,
        depth=plan.depth + by,
        name=plan.name,
        # The file system of level 1 exists already, and new levels must fit inside it.
        storage_size=plan.level(1).storage.size if plan.depth else plan.request.storage_size,
    )
    # The blocks of the levels that are there count as routed: the new levels get others.
    routed = facts.engine.networks + tuple(level.subnet.block for level in plan.levels)
    deeper = plan_chain(request, replace(facts, engine=replace(facts.engine, networks=routed)))
    return replace(
        plan,
        packet_ttl=deeper.packet_ttl,
        estimate=deeper.estimate,
        levels=plan.levels + deeper.levels[plan.depth :],
    )


def shrunk(plan: ChainPlan, by: int) -> ChainPlan:
    """Return `plan` without its `by` deepest levels. Raises Refusal if none would be left."""
    _check(by)
    if by >= plan.depth:
        raise Refusal(
            f"chain {plan.name} has {plan.depth} levels, and {by} fewer would leave none",
            remedy=f"end it with: inception down {plan.name}",
            usage=True,
        )
    return replace(plan, levels=plan.levels[: plan.depth - by])


def _check(by: int) -> None:
    if by < 1:
        raise Refusal(f"{by} levels is no change", remedy="use 1 or more", usage=True)
