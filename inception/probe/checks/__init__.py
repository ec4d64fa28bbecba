"""The checks of `doctor`: pure functions from a survey to a verdict, a family a file."""

from __future__ import annotations

from inception.probe.checks.budgets import BUDGET_CHECKS
from inception.probe.checks.control_groups import CGROUP_CHECKS
from inception.probe.checks.engine import ENGINE_CHECKS
from inception.probe.checks.machine import MACHINE_CHECKS
from inception.probe.checks.network import NETWORK_CHECKS
from inception.probe.checks.storage import STORAGE_CHECKS
from inception.probe.checks.verdict import Check, Finding
from inception.probe.survey import Survey

CHECKS: tuple[Check, ...] = (
    *ENGINE_CHECKS,
    *MACHINE_CHECKS,
    *CGROUP_CHECKS,
    *STORAGE_CHECKS,
    *BUDGET_CHECKS,
    *NETWORK_CHECKS,
)


def examine(survey: Survey) -> tuple[Finding, ...]:
    """What each check finds in the survey."""
    return tuple(_find(check, survey) for check in CHECKS)


def _find(check: Check, survey: Survey) -> Finding:
    verdict = check.judge(survey)
    return Finding(
        name=check.name, status=verdict.status, measured=verdict.measured, why=check.why, remedy=verdict.remedy
    )
