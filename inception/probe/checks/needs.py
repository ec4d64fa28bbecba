"""Adapt a check of one part of the facts to all of them; skip it if that part was not read."""

from __future__ import annotations

from collections.abc import Callable

from inception.plan.facts import EngineFacts, HostFacts
from inception.probe.checks.check import CheckResult, skipped
from inception.probe.doctor_facts import DoctorFacts, HostLimits


def of_engine(judge: Callable[[EngineFacts], CheckResult]) -> Callable[[DoctorFacts], CheckResult]:
    """Return a check of all facts that applies `judge` to the engine's."""

    def judge_facts(facts: DoctorFacts) -> CheckResult:
        return skipped("no engine answers") if facts.engine is None else judge(facts.engine)

    return judge_facts


def of_host(judge: Callable[[HostFacts], CheckResult]) -> Callable[[DoctorFacts], CheckResult]:
    """Return a check of all facts that applies `judge` to the host's."""

    def judge_facts(facts: DoctorFacts) -> CheckResult:
        return skipped(facts.machine_error or "not read") if facts.host is None else judge(facts.host)

    return judge_facts


def of_limits(judge: Callable[[HostLimits], CheckResult]) -> Callable[[DoctorFacts], CheckResult]:
    """Return a check of all facts that applies `judge` to the machine's limits."""

    def judge_facts(facts: DoctorFacts) -> CheckResult:
        return skipped(facts.machine_error or "not read") if facts.limits is None else judge(facts.limits)

    return judge_facts
