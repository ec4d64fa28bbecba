"""Closes inherited file descriptors: a level starts with standard input, output and error only."""

from __future__ import annotations

import os

_FIRST_INHERITED = 3
_INT_MAX = 2**31 - 1


def close_inherited() -> None:
    """Close every descriptor above standard error, in one close_range(2) where the kernel has it.

    A runner would pass them on to its daemons, and those to every level below: one leak a level.
    """
    os.closerange(_FIRST_INHERITED, _INT_MAX)
