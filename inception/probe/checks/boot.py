"""The check that is none of looking: one level, booted for real. `doctor --boot` makes it and says how it went."""

from __future__ import annotations

from inception.probe.checks.check import CheckResult, Finding, failed, passed

_NAME = "boot"
_WHY = "A level that boots proves all that the other checks only expect."
_REMEDY = "inception --depth 1 --json-events events.jsonl -- docker info"


def booted(version: str, seconds: float) -> Finding:
    """Level 1 answered: an engine of that version, after so many seconds."""
    return _finding(passed(f"level 1 answered after {seconds:.1f} s: Docker {version}"))


def did_not_boot(reason: str, remedy: str | None) -> Finding:
    """Level 1 did not answer."""
    return _finding(failed(reason, remedy or _REMEDY))


def _finding(verdict: CheckResult) -> Finding:
    return Finding(name=_NAME, status=verdict.status, measured=verdict.measured, why=_WHY, remedy=verdict.remedy)
