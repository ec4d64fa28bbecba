"""Turns a failure and the host around it into a wall: the first rule that has proof names the cause."""

from __future__ import annotations

from inception.stress.report.record import WallRecord
from inception.stress.wall.model import Cause, Incident
from inception.stress.wall.rules import RULES


def explain_wall(incident: Incident) -> WallRecord:
    """Return the cause of a failure with its evidence; a cause that no rule knows is `unknown`, without evidence."""
    for rule in RULES:
        if incident.matches(rule.pattern) and (proof := rule.prove(incident)):
            return _record(incident, rule.cause, rule.title, proof.evidence, proof.remedy or rule.remedy)
    remedy = incident.failure.remedy or "see the end of the level's log"
    return _record(incident, Cause.UNKNOWN, "unknown", (), remedy)


def _record(incident: Incident, cause: Cause, title: str, evidence: tuple[str, ...], remedy: str) -> WallRecord:
    failure = incident.failure
    return WallRecord(
        cause=cause,
        title=title,
        level=failure.level,
        phase=failure.phase,
        message=failure.message,
        evidence=evidence,
        remedy=remedy,
        log_tail=failure.log_tail,
    )
