"""Find out how many more PID namespaces the kernel nests where the engine's containers start."""

from __future__ import annotations

import errno
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path

from inception.probe import scripts


def nesting_pids() -> AbstractContextManager[subprocess.Popen[str]]:
    """Nest PID namespaces for real, inside this process's own, while the block runs."""
    return scripts.running("nest_pids")


def nested(trial: subprocess.Popen[str]) -> int | None:
    """Return the number of nested namespaces, None if this user may create none. Raises subprocess.SubprocessError."""
    depth, error = (int(word) for word in scripts.answer(trial).split())
    return None if depth == 0 and error == errno.EPERM else depth


def levels_below(process: Path) -> int:
    """Return how many PID namespaces deeper than this process another (its directory in /proc) is."""
    return parse_depth((process / "status").read_text()) - parse_depth(Path("/proc/self/status").read_text())


def parse_depth(status: str) -> int:
    """Return how many PID namespaces deeper than the /proc of `status` (a `/proc/PID/status`) a process is."""
    return len(next(line for line in status.splitlines() if line.startswith("NSpid:")).split()) - 1
