"""Read and replace files that hold the plan of a chain."""

from __future__ import annotations

from pathlib import Path

from inception.linux import files
from inception.plan.chain import ChainPlan

_LIMIT = 16 << 20
"""Bytes of a plan that are read: a level takes some 500 of them."""


def read_plan(path: Path) -> ChainPlan:
    """Return the plan in the file `path`. Raises OSError, or ValueError if it is no plan of this version."""
    return ChainPlan.from_json(files.read_start(path, _LIMIT).decode())


def write_plan(plan: ChainPlan, path: Path) -> None:
    """Replace the file `path` by one with the plan, atomically. Raises OSError."""
    files.replace(path, plan.to_json())  # For this user alone: a proxy's password is in it.


def save_plan(plan: ChainPlan) -> None:
    """Replace the plan file in the run directory atomically. Raises OSError."""
    write_plan(plan, Path(plan.paths.plan))
