"""Read what the kernel says of a process in /proc/PID/stat (proc_pid_stat(5))."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

ZOMBIE = "Z"
"""State of a process that has ended and that nobody has waited for yet."""
_STARTED = 17
"""Index of the start, the 22nd field, in those after the parent's, the fourth."""


class ProcessStat(NamedTuple):
    """Name, state, parent's id and start, in clock ticks since boot, of a process."""

    name: str
    state: str
    parent: int
    started: int


def read_process_stat(process: Path) -> ProcessStat:
    """Return what `process`, a directory like /proc/1, tells. Raises OSError if it ended meanwhile."""
    return parse_process_stat((process / "stat").read_text(errors="replace"))


def parse_process_stat(text: str) -> ProcessStat:
    """Return what `text`, that of a /proc/PID/stat, tells: its name, in parentheses, may hold anything."""
    name, _, rest = text.partition("(")[2].rpartition(")")
    state, parent, *fields = rest.split()
    return ProcessStat(name, state, int(parent), int(fields[_STARTED]))
