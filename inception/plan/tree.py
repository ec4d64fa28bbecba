"""The shape of a chain: a line of levels, or a tree in which a level has several children.

The levels of a tree are numbered so that those below a level follow it: a branch is a range of numbers, as a line is.
"""

from __future__ import annotations

from collections.abc import Sequence

from inception.plan.light_dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Place:
    """Place of a level in a tree: the number of the level above it, and its label, if it has one."""

    above: int
    label: str = ""


class Shape:
    """Shape of a chain whose level N has `above[N - 1]` above it; that of level 1 is 0."""

    def __init__(self, above: Sequence[int]) -> None:
        self._above = above
        self._children: list[list[int]] = [[] for _ in range(len(above) + 1)]
        self._depths = [0]
        for number, parent in enumerate(above, 1):
            self._children[parent].append(number)
            self._depths.append(self._depths[parent] + 1)

    @property
    def count(self) -> int:
        """Number of levels."""
        return len(self._above)

    @property
    def is_line(self) -> bool:
        """Whether no level has several children."""
        return len(self.bottoms) <= 1

    @property
    def height(self) -> int:
        """Number of levels on the longest way down."""
        return max(self._depths)

    @property
    def bottoms(self) -> tuple[int, ...]:
        """Levels without a child."""
        return tuple(number for number in range(1, len(self._children)) if not self._children[number])

    def above(self, number: int) -> int:
        """Return the number of the level above; 0 is the host."""
        return self._above[number - 1]

    def children(self, number: int) -> tuple[int, ...]:
        """Return the levels directly below."""
        return tuple(self._children[number])

    def depth(self, number: int) -> int:
        """Return the number of levels on the way down to this one, itself included."""
        return self._depths[number]

    def ancestors(self, number: int) -> tuple[int, ...]:
        """Return all levels above, the nearest first."""
        found = []
        while (number := self.above(number)) > 0:
            found.append(number)
        return tuple(found)

    def branch(self, number: int) -> Shape:
        """Return the shape of this level and all below it, in which this level is level 1."""
        first = number - 1
        return Shape([0, *(self.above(it) - first for it in self.below(number))])

    def below(self, number: int) -> range:
        """Return all levels below, which are those that follow until one is no deeper."""
        depth = self._depths[number]
        last = number
        while last + 1 < len(self._depths) and self._depths[last + 1] > depth:
            last += 1
        return range(number + 1, last + 1)


def line(depth: int) -> Shape:
    """Return the shape of a chain of `depth` levels, each below the one before."""
    return Shape(range(depth))


def check_numbers(above: Sequence[int]) -> None:
    """Raise ValueError unless level 1 is the outermost, and the levels below each one follow it."""
    path = [0]
    for number, parent in enumerate(above, 1):
        while path and path[-1] != parent:
            path.pop()
        if not path or (parent == 0 and number > 1):
            raise ValueError(f"level {number} cannot be below level {parent}")
        path.append(number)
