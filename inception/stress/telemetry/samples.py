"""Makes the metrics of a campaign from its report, without input or output."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from inception.stress.report.costs import COSTS, by_level, median_or_none
from inception.stress.report.record import Report, Status

_PREFIX = "inception"
_UNITS = {"s": "_seconds", "By": "_bytes", "{level}": "_levels", "1": ""}
"""Ending of a metric's name for Prometheus, by the unit (UCUM) that OpenTelemetry has."""
_COSTS = {
    "ready_s": ("level.ready", "s", "Time from a level's creation until its engine answers"),
    "pss": ("level.memory", "By", "Memory of a level's own processes (PSS)"),
    "disk": ("level.disk", "By", "Size of a level's data-root"),
    "api_s": ("level.api", "s", "Time of an answer of a level's engine"),
    "run_s": ("level.container", "s", "Time of a whole container at a level"),
}


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One value of the metric `name`, in `unit` (by UCUM), with what tells it from others of that name."""

    name: str
    unit: str
    about: str
    value: float
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def otel_name(self) -> str:
        """Name for OpenTelemetry: inception.level.ready."""
        return f"{_PREFIX}.{self.name}"

    @property
    def prometheus_name(self) -> str:
        """Name for Prometheus: inception_level_ready_seconds."""
        return f"{_PREFIX}_{self.name.replace('.', '_')}{_UNITS[self.unit]}"


def samples(report: Report) -> tuple[Sample, ...]:
    """Return the metrics of a campaign: few, so that a thousand machines are no burden."""
    return (*_campaign(report), *_counts(report), *_levels(report))


def environment_labels(report: Report) -> dict[str, str]:
    """Return the machine, the engines and the program of a campaign, by name."""
    where = report.environment
    return {
        "program": where.program,
        "kernel": where.kernel,
        "architecture": where.machine,
        "cgroup_version": str(where.cgroup_version),
        "engine_version": where.engine_version,
        "storage_driver": where.storage_driver,
        "image": where.image,
    }


def _campaign(report: Report) -> Iterator[Sample]:
    yield _one("campaign.info", 1, "Machine, engine and program of the campaign", labels=environment_labels(report))
    yield _one("campaign.begin.timestamp", report.begun, "Moment when the campaign began (Unix time)", unit="s")
    yield _one("campaign.duration", report.seconds, "Time that the campaign took", unit="s")
    yield _one("campaign.depth", report.verdict.depth, "Deepest level that answered", unit="{level}")
    yield _one("campaign.max_depth", report.campaign.max_depth, "Depth that was asked for", unit="{level}")
    for status in Status:
        value = status is report.verdict.status
        yield _one("campaign.status", value, "1 for the campaign's result", labels={"status": status.value})
    if report.wall is not None:
        yield _one("campaign.wall", 1, "Limit that stopped the chain", labels={"cause": report.wall.cause})


def _counts(report: Report) -> Iterator[Sample]:
    yield _one("campaign.cycles", len(report.cycles), "Cycles that were run")
    yield _one("campaign.findings", len(report.verdict.findings), "Findings that need attention")
    yield _one("campaign.leaks", len(report.leaks), "Things that were left behind on the host")
    yield _one("campaign.kicked", sum(it.kicked for it in report.chains), "Chains that did not unwind in time")


def _levels(report: Report) -> Iterator[Sample]:
    for cost in COSTS:
        name, unit, about = _COSTS[cost.name]
        middle = median_or_none(by_level(report.chains, cost).values())
        if middle is not None:
            yield _one(name, middle, f"{about}: the median of all levels", unit=unit)
    ascent = median_or_none(it.ascent_s / it.depth_reached for it in report.chains if it.ascent_s and it.depth_reached)
    if ascent is not None:
        yield _one("level.unwind", ascent, "Time of unwinding a level: the median of all chains", unit="s")


def _one(name: str, value: float, about: str, *, unit: str = "1", labels: dict[str, str] | None = None) -> Sample:
    return Sample(name=name, unit=unit, about=about, value=float(value), labels=labels or {})
