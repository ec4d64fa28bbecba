"""PID namespaces of the levels: which have one of their own.

The kernel nests 32 of them (`MAX_PID_NS_LEVEL`, include/linux/pid_namespace.h) and answers ENOSPC to the 33rd. A
level that shares its parent's namespace takes none. Level 1 is always private, so that killing it ends the chain.
"""

from __future__ import annotations

from enum import StrEnum

from inception.plan.request import PidMode
from inception.plan.tree import Shape


class PidNamespace(StrEnum):
    """Whether a level has a PID namespace of its own or shares that of the level above."""

    PRIVATE = "private"
    SHARED = "shared"


class TooFewPidNamespaces(ValueError):
    """Error: the kernel nests too few PID namespaces; `greatest_depth` levels would fit."""

    def __init__(self, depth: int, greatest_depth: int) -> None:
        super().__init__(f"depth {depth} needs more PID namespaces than this host has free")
        self.greatest_depth = greatest_depth


def assign_pid_namespaces(mode: PidMode, shape: Shape, free: int, headroom: int) -> tuple[PidNamespace, ...]:
    """Return the PID namespace of each level, level 1 first.

    `free` is how many can still be nested on this host, `headroom` how many of them stay free for containers at the
    bottom. Levels beside one another need no more than one. Raises TooFewPidNamespaces if `mode` asks for more.
    """
    depth = shape.height
    room = max(free - headroom, 0)
    private = {PidMode.ISOLATED: depth, PidMode.AUTO: min(depth, max(room, 1)), PidMode.SHARED: min(depth, 1)}[mode]
    if private > room:
        raise TooFewPidNamespaces(depth, room)
    return tuple(
        PidNamespace.PRIVATE if shape.depth(number) <= private else PidNamespace.SHARED
        for number in range(1, shape.count + 1)
    )
