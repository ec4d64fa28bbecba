"""Why a level failed, in one line, and what the user can do about it."""

from __future__ import annotations

import errno


class LevelFailure(Exception):
    """This level failed and has said so in the event file, if anything can be said there."""


class PhaseError(Exception):
    """A phase cannot go on: `reason` and `remedy` are one line each."""

    def __init__(self, reason: str, *, remedy: str | None = None) -> None:
        super().__init__(reason)
        self.remedy = remedy


_REMEDIES = (
    ("can't get final child's pid", "the kernel nests 32 PID namespaces: go less deep, or use --pid auto"),
    ("no space left on device", "free disk space, or go less deep"),
    ("cannot allocate memory", "free memory, or go less deep"),
    ("too many open files", "raise the limit of open files (ulimit -n, fs.file-max)"),
    ("unknown capability", "this engine is older than the plan: report its version"),
    ("unable to apply caps", "the engine above lacks a capability: plan the chain anew"),
    ("invalid state", "move the processes out of the root cgroup (cgroup v2 takes none beside controllers)"),
)


def explain(error: Exception) -> tuple[str, str | None]:
    """One line for the reason of `error`, one for the remedy where one is known."""
    reason = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, PhaseError):
        return reason, error.remedy
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return reason, "free disk space, or go less deep"
    for symptom, remedy in _REMEDIES:
        if symptom in reason.lower():
            return reason, remedy
    return reason, None
