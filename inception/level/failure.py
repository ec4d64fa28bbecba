"""Failures of a level: each is one line for the reason and one for the remedy."""

from __future__ import annotations

import errno


class LevelFailure(Exception):
    """This level failed and has reported it in the event file, if that can be written."""


class PhaseError(Exception):
    """A phase cannot go on. The reason and `remedy` are one line each."""

    def __init__(self, reason: str, *, remedy: str | None = None) -> None:
        super().__init__(reason)
        self.remedy = remedy


def explain(error: Exception) -> tuple[str, str | None]:
    """Return the reason of `error` in one line, and the remedy in another; None where none is known."""
    reason = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, PhaseError):
        return reason, error.remedy
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return reason, "free disk space, or go less deep"
    # Not at the top: most levels need no remedy, and each would wait for this table when it starts.
    from inception.plan.symptoms import find_symptom

    symptom = find_symptom(reason)
    return reason, None if symptom is None else symptom.remedy
