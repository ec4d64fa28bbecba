"""Draw the lines that lead to the levels of a tree."""

from __future__ import annotations

from inception.plan.tree import Shape

BRANCH = "└─ "
"""Lines that lead to the last level below another."""
_FORK = "├─ "


def depth_text(shape: Shape) -> str:
    """Return how deep a chain is, and how many levels it has if that is not the same."""
    return str(shape.count) if shape.height == shape.count else f"{shape.height}, {shape.count} levels"


def branch_of(shape: Shape, number: int, step: int = len(BRANCH)) -> tuple[str, str]:
    """Return the lines of the tree that lead to a level, and those that go on below it, `step` columns a level."""
    passing = ""
    for level in (*reversed(shape.ancestors(number)), number):
        last = level == shape.children(shape.above(level))[-1]
        above, passing = passing, passing + (" " if last else "│").ljust(step)[:step]
    return above + (BRANCH if last else _FORK), passing
