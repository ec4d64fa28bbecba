"""Keep the cells of the table, each with the commit that it was tried with, so that a table can be made in pieces."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict
from pathlib import Path

from tests.cache import ENGINES
from tests.engines.cell import Cell

_CHECKOUT = Path(__file__).parents[2]


def keep(cell: Cell) -> None:
    """Keep `cell` in place of an earlier one of the same engines."""
    file = _file(cell.outside, cell.inside)
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_text(json.dumps(asdict(cell)) + "\n")
    part.replace(file)


def kept(outside: str, inside: str, *, since_s: float = 0.0) -> Cell | None:
    """Return the cell of these engines that was tried last, if any was after `since_s`, in seconds since 1970."""
    file = _file(outside, inside)
    there = file.exists() and file.stat().st_mtime >= since_s
    return Cell(**json.loads(file.read_text())) if there else None


def this_commit() -> str:
    """Return the checkout's commit, with a `+` if files differ from it; nothing for a copy without git."""
    command = ("git", "-C", str(_CHECKOUT), "describe", "--always", "--dirty=+", "--exclude=*")
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:
        return ""


def _file(outside: str, inside: str) -> Path:
    return ENGINES / "cells" / outside / f"{inside}.json"
