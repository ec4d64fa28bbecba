"""Inherited file descriptors: a level starts with standard input, output and error, and nothing else."""

from __future__ import annotations

import os

_FIRST_INHERITED = 3
_INT_MAX = 2**31 - 1


def close_inherited() -> None:
    """Close every descriptor above standard error, in one close_range(2) where the kernel has it.

    What a runner inherits it would pass on to its daemons, and they to every level below: one leak a level.
    """
    os.closerange(_FIRST_INHERITED, _INT_MAX)
