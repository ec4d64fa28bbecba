"""What a check says of a host, and what a check is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from inception.probe.doctor_facts import DoctorFacts


class CheckStatus(StrEnum):
    """Fit for nesting, fit with a reservation, unfit, or not known."""

    PASS = "pass"  # noqa: S105 (not a password)
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """`measured` is what was found, in words; `remedy` is a command, where one would help."""

    status: CheckStatus
    measured: str
    remedy: str | None = None


@dataclass(frozen=True, kw_only=True)
class Check:
    """One question about a host: `why` says what its answer means for nesting."""

    name: str
    why: str
    judge: Callable[[DoctorFacts], CheckResult]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A check and its verdict, for people and programs."""

    name: str
    status: CheckStatus
    measured: str
    why: str
    remedy: str | None


def passed(measured: str) -> CheckResult:
    """Fit; nothing to do."""
    return CheckResult(status=CheckStatus.PASS, measured=measured)


def warned(measured: str, remedy: str | None = None) -> CheckResult:
    """Fit with a reservation."""
    return CheckResult(status=CheckStatus.WARN, measured=measured, remedy=remedy)


def failed(measured: str, remedy: str) -> CheckResult:
    """Unfit, until the remedy is applied."""
    return CheckResult(status=CheckStatus.FAIL, measured=measured, remedy=remedy)


def skipped(reason: str) -> CheckResult:
    """Not known, or of no meaning here."""
    return CheckResult(status=CheckStatus.SKIP, measured=reason)
