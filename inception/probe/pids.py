"""How many PID namespaces the kernel still nests where the engine's containers start."""

from __future__ import annotations

import errno
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path

from inception.probe import scripts


def nesting_pids() -> AbstractContextManager[subprocess.Popen[str]]:
    """Nest PID namespaces for real, inside our own; what is done in the block is done meanwhile."""
    return scripts.running("nest_pids")


def nested(trial: subprocess.Popen[str]) -> int | None:
    """How many there were, or None if we may make none. Raises subprocess.SubprocessError."""
    depth, error = (int(word) for word in scripts.answer(trial).split())
    return None if depth == 0 and error == errno.EPERM else depth


def levels_below(process: Path) -> int:
    """How many PID namespaces deeper than ours a process (its directory in /proc) is."""
    return parse_depth((process / "status").read_text()) - parse_depth(Path("/proc/self/status").read_text())


def parse_depth(status: str) -> int:
    """In how many PID namespaces a process has an id, counted from that of the /proc its status was read from."""
    return len(next(line for line in status.splitlines() if line.startswith("NSpid:")).split()) - 1
