"""Checks of `doctor`: pure functions from facts to a result, one file for each group."""

from __future__ import annotations

from inception.probe.checks.budgets import BUDGET_CHECKS
from inception.probe.checks.check import Check, Finding
from inception.probe.checks.control_groups import CGROUP_CHECKS
from inception.probe.checks.engine import ENGINE_CHECKS
from inception.probe.checks.machine import MACHINE_CHECKS
from inception.probe.checks.network import NETWORK_CHECKS
from inception.probe.checks.storage import STORAGE_CHECKS
from inception.probe.doctor_facts import DoctorFacts

CHECKS: tuple[Check, ...] = (
    *ENGINE_CHECKS,
    *MACHINE_CHECKS,
    *CGROUP_CHECKS,
    *STORAGE_CHECKS,
    *BUDGET_CHECKS,
    *NETWORK_CHECKS,
)


def examine(facts: DoctorFacts) -> tuple[Finding, ...]:
    """Return the finding of each check."""
    return tuple(_find(check, facts) for check in CHECKS)


def _find(check: Check, facts: DoctorFacts) -> Finding:
    result = check.judge(facts)
    return Finding(name=check.name, status=result.status, measured=result.measured, why=check.why, remedy=result.remedy)
