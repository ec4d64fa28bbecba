"""Made-up trees: `places` of levels, and plans with them."""

from __future__ import annotations

from dataclasses import replace

from inception.plan.chain import ChainPlan
from inception.plan.facts import Facts
from inception.plan.planner import plan_chain
from inception.plan.tree import Place
from tests.factories.plans import FACTS, request

PLACES = tuple(
    Place(above=above, label=label)
    for above, label in ((0, "host"), (1, "a"), (2, ""), (1, "b"), (4, "x"), (4, "y"), (1, "c"))
)
"""Level 1 with the children a (2, and 3 below it), b (4, with the children 5 x and 6 y) and c (7)."""


def tree(facts: Facts = FACTS, places: tuple[Place, ...] = PLACES, **changes: object) -> ChainPlan:
    """Return the plan of a detached chain with `places`."""
    wanted = replace(request(len(places)), attached=False, places=places)
    return plan_chain(replace(wanted, **changes), facts)  # type: ignore[arg-type]
