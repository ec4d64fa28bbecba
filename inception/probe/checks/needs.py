"""Checks that look at one part of a survey, and are skipped where that part could not be read."""

from __future__ import annotations

from collections.abc import Callable

from inception.plan.facts import EngineFacts, HostFacts
from inception.probe.checks.verdict import Verdict, skipped
from inception.probe.survey import HostLimits, Survey


def of_engine(judge: Callable[[EngineFacts], Verdict]) -> Callable[[Survey], Verdict]:
    """A judge of surveys out of a judge of engines."""

    def judge_survey(survey: Survey) -> Verdict:
        return skipped("no engine answers") if survey.engine is None else judge(survey.engine)

    return judge_survey


def of_host(judge: Callable[[HostFacts], Verdict]) -> Callable[[Survey], Verdict]:
    """A judge of surveys out of a judge of what plans are made from."""

    def judge_survey(survey: Survey) -> Verdict:
        return skipped(survey.unread or "not read") if survey.host is None else judge(survey.host)

    return judge_survey


def of_limits(judge: Callable[[HostLimits], Verdict]) -> Callable[[Survey], Verdict]:
    """A judge of surveys out of a judge of the machine's limits."""

    def judge_survey(survey: Survey) -> Verdict:
        return skipped(survey.unread or "not read") if survey.limits is None else judge(survey.limits)

    return judge_survey
