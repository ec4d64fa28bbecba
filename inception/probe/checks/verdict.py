"""What a check says of a host, and what a check is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from inception.probe.survey import Survey


class Status(StrEnum):
    """Fit for nesting, fit with a reservation, unfit, or not known."""

    PASS = "pass"  # noqa: S105 (not a password)
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """`measured` is what was found, in words; `remedy` is a command, where one would help."""

    status: Status
    measured: str
    remedy: str | None = None


@dataclass(frozen=True, kw_only=True)
class Check:
    """One question about a host: `why` says what its answer means for nesting."""

    name: str
    why: str
    judge: Callable[[Survey], Verdict]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A check and its verdict, for people and programs."""

    name: str
    status: Status
    measured: str
    why: str
    remedy: str | None


def passed(measured: str) -> Verdict:
    """Fit; nothing to do."""
    return Verdict(status=Status.PASS, measured=measured)


def warned(measured: str, remedy: str | None = None) -> Verdict:
    """Fit with a reservation."""
    return Verdict(status=Status.WARN, measured=measured, remedy=remedy)


def failed(measured: str, remedy: str) -> Verdict:
    """Unfit, until the remedy is applied."""
    return Verdict(status=Status.FAIL, measured=measured, remedy=remedy)


def skipped(reason: str) -> Verdict:
    """Not known, or of no meaning here."""
    return Verdict(status=Status.SKIP, measured=reason)
