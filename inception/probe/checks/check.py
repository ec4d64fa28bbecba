"""Checks of a host and their results."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from inception.plan.light_dataclasses import dataclass
from inception.probe.doctor_facts import DoctorFacts


class CheckStatus(StrEnum):
    """Whether a host can nest engines in one respect: it can, with a reservation, cannot, or is not known to."""

    PASS = "pass"  # noqa: S105 (not a password)
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """Result of one check: `measured` describes the facts, `remedy` is a command, if one would help."""

    status: CheckStatus
    measured: str
    remedy: str | None = None


@dataclass(frozen=True, kw_only=True)
class Check:
    """Check of a host in one respect; `why` explains its meaning for nesting."""

    name: str
    why: str
    judge: Callable[[DoctorFacts], CheckResult]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A check and its result, for people and programs."""

    name: str
    status: CheckStatus
    measured: str
    why: str
    remedy: str | None


def passed(measured: str) -> CheckResult:
    """Return the result of a host that can."""
    return CheckResult(status=CheckStatus.PASS, measured=measured)


def warned(measured: str, remedy: str | None = None) -> CheckResult:
    """Return the result of a host that can, with a reservation."""
    return CheckResult(status=CheckStatus.WARN, measured=measured, remedy=remedy)


def failed(measured: str, remedy: str) -> CheckResult:
    """Return the result of a host that cannot until the remedy is applied."""
    return CheckResult(status=CheckStatus.FAIL, measured=measured, remedy=remedy)


def skipped(reason: str) -> CheckResult:
    """Return the result of a check that could not be made or does not apply here."""
    return CheckResult(status=CheckStatus.SKIP, measured=reason)
