"""Find a level of a running chain by its path, `NAME/STEP...`, or by its number."""

from __future__ import annotations

from inception.chain.status import ChainStatus, find_chain, refuse_paused
from inception.errors import ChainError, UsageError
from inception.plan.chain import ChainPlan


def find_level(path: str | None, level: int | None) -> tuple[ChainStatus, int | None]:
    """Return the chain that `path` begins with, by default the only one, and the level that path and `level` name.

    The level is None if neither names one. Raises what `find_chain` raises, and UsageError if there is no such level.
    """
    name, *steps = (None,) if path is None else path.split("/")
    chain = find_chain(name)
    if level is not None:
        steps.append(str(level))
    return chain, level_at(chain.plan, steps) if steps else None


def find_branch(path: str | None) -> tuple[ChainStatus, tuple[int, ...]]:
    """Return the chain that `path` begins with, by default the only one, and the levels from its end on down.

    They are all levels for a path that names none. Raises what `find_level` raises.
    """
    chain, top = find_level(path, None)
    shape = chain.plan.shape
    return chain, tuple(range(1, shape.count + 1)) if top is None else (top, *shape.below(top))


def path_of(plan: ChainPlan, number: int) -> str:
    """Return the path from the name of a chain to a level: `host/a`, or `host/a/4` for one without a label.

    In a chain without labels, and for a level that the plan does not have, it is the number.
    """
    if not 1 <= number <= plan.depth:
        return str(number)
    labels = [plan.level(it).label for it in reversed(plan.shape.ancestors(number))]
    return "/".join([*filter(None, labels), plan.level(number).label or str(number)])


def level_text(plan: ChainPlan, number: int) -> str:
    """Return a level's number for people, and its path if that says more."""
    path = path_of(plan, number)
    return path if path == str(number) else f"{number} {path}"


def find_live_level(path: str | None, level: int | None) -> tuple[ChainStatus, int]:
    """Return the chain and the level that `path` and `level` name, by default its bottom.

    Raises what `find_level` raises, UsageError if there are several bottoms, and ChainError if it cannot be reached.
    """
    chain, number = find_level(path, level)
    return chain, require_live_level(chain, number)


def level_at(plan: ChainPlan, steps: list[str]) -> int:
    """Return the level that `steps` lead to: each is the number or the label of a level below the one before.

    Raises UsageError.
    """
    number = 0
    for step in steps:
        among = plan.shape.below(number) if number else range(1, plan.depth + 1)
        found = [it for it in among if step and step in {str(it), plan.level(it).label}]
        # A label is used again in another branch; the one nearest above is meant.
        nearest = [it for it in found if plan.shape.depth(it) == min(map(plan.shape.depth, found))]
        if len(nearest) != 1:
            raise _no_level(plan, step, number, nearest)
        number = nearest[0]
    return number


def _no_level(plan: ChainPlan, step: str, above: int, found: list[int]) -> UsageError:
    below = f" below level {above}" if above else ""
    if found:
        remedy = f"write one of them: {', '.join(f'{plan.name}/{it}' for it in found)}"
        return UsageError(f"chain {plan.name} has {len(found)} levels {step}{below}", remedy=remedy)
    remedy = f"its levels are 1 to {plan.depth}" if plan.shape.is_line else f"see: inception tree {plan.name}"
    return UsageError(f"chain {plan.name} has no level {step}{below}", remedy=remedy)


def require_live_level(status: ChainStatus, level: int | None) -> int:
    """Return the number of the chosen level, by default that of the bottom.

    Raises UsageError if there are several bottoms to choose from, ChainError if its engine cannot be reached.
    """
    bottoms = status.plan.shape.bottoms
    if level is None and len(bottoms) > 1:
        paths = ", ".join(f"{status.name}/{it}" for it in bottoms)
        raise UsageError(f"chain {status.name} has {len(bottoms)} bottoms", remedy=f"name a level, such as {paths}")
    number = bottoms[0] if level is None else level
    refuse_paused(status.plan)
    if not status.is_ready(number):
        state = status.levels[number - 1].state
        raise ChainError(
            f"level {number} of chain {status.name} is {state}", remedy=f"see: inception tree {status.name}"
        )
    return number
