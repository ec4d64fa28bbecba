"""Makes the spans of a campaign from its report, without input or output: campaign, cycles, chains, levels, phases."""

from __future__ import annotations

from dataclasses import dataclass, field

from inception.stress.report.record import ChainRecord, CycleRecord, LevelRecord, Report
from inception.stress.report.trace import lives

Attributes = dict[str, str | int | float | bool]


@dataclass(frozen=True, kw_only=True)
class SpanRecord:
    """One span: `parent` is the number of the one that it is part of. Times are Unix time in seconds."""

    name: str
    parent: int | None
    begun: float
    ended: float
    attributes: Attributes = field(default_factory=dict)
    error: str = ""


def spans(report: Report) -> tuple[SpanRecord, ...]:
    """Return all spans of a campaign, each after the one that it is part of; level K+1 is part of level K."""
    made: list[SpanRecord] = [
        SpanRecord(
            name="campaign",
            parent=None,
            begun=report.begun,
            ended=report.begun + report.seconds,
            attributes={
                "inception.verdict": report.verdict.headline,
                "inception.status": report.verdict.status.value,
                "inception.depth": report.verdict.depth,
            },
            error="; ".join(report.verdict.findings),
        )
    ]
    for cycle in report.cycles:
        _add_cycle(made, cycle, report.begun)
    return tuple(made)


def _add_cycle(made: list[SpanRecord], cycle: CycleRecord, zero: float) -> None:
    begun = zero + cycle.begun_s
    number = len(made)
    made.append(
        SpanRecord(
            name=f"cycle {cycle.number}",
            parent=0,
            begun=begun,
            ended=begun + cycle.seconds,
            attributes={"inception.leaks": len(cycle.leaks)},
            error="; ".join(cycle.leaks),
        )
    )
    for chain in cycle.chains:
        _add_chain(made, chain, number, zero)


def _add_chain(made: list[SpanRecord], chain: ChainRecord, parent: int, zero: float) -> None:
    known = [level for level in chain.levels if level.spans]
    times = dict(lives(known))
    begun = min([chain.begun_s, *(begin for begin, _ in times.values())])
    ended = max([begun + (chain.descent_s or 0.0) + (chain.ascent_s or 0.0), *(end for _, end in times.values())])
    above = len(made)
    made.append(
        SpanRecord(
            name=f"chain {chain.name}",
            parent=parent,
            begun=zero + begun,
            ended=zero + ended,
            attributes={"inception.depth.asked": chain.depth_asked, "inception.depth": chain.depth_reached},
            error=chain.wall.message if chain.wall else "",
        )
    )
    for level in known:
        begin, end = times[level.number]
        made.append(
            SpanRecord(
                name=f"level {level.number}",
                parent=above,
                begun=zero + begin,
                ended=zero + end,
                attributes=_attributes(level),
                error=chain.wall.message if chain.wall and chain.wall.level == level.number else "",
            )
        )
        above = len(made) - 1
        made.extend(
            SpanRecord(
                name=span.phase,
                parent=above,
                begun=zero + span.begun_s,
                ended=zero + span.begun_s + span.seconds,
                attributes={"inception.level": level.number},
            )
            for span in level.spans
            if span.seconds is not None
        )


def _attributes(level: LevelRecord) -> Attributes:
    found: Attributes = {"inception.level": level.number}
    if level.measure is not None:
        found["inception.memory"] = level.measure.pss
        found["inception.disk"] = level.measure.disk
    return found
