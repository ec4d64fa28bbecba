"""The check of `doctor --boot`, which boots one level for real and reports the outcome here."""

from __future__ import annotations

from inception.probe.checks.check import CheckResult, Finding, failed, passed

_NAME = "boot"
_WHY = "A level that boots proves what the other checks only predict."
_REMEDY = "inception --depth 1 --json-events events.jsonl -- docker info"


def booted(version: str, seconds: float) -> Finding:
    """Return the finding that level 1 answered, with the engine's version and the seconds it took."""
    return _finding(passed(f"level 1 answered after {seconds:.1f} s: Docker {version}"))


def did_not_boot(reason: str, remedy: str | None) -> Finding:
    """Return the finding that level 1 did not boot."""
    return _finding(failed(reason, remedy or _REMEDY))


def _finding(result: CheckResult) -> Finding:
    return Finding(name=_NAME, status=result.status, measured=result.measured, why=_WHY, remedy=result.remedy)
