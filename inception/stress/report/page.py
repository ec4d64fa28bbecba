"""A report as one page of HTML that needs nothing else: no network, no script, light or dark as the reader's system is.

The verdict comes first, then the wall, the charts, the tables, the environment, and the command that repeats it. This
module prepares the values; the template `page.html` writes and escapes them.
"""

from __future__ import annotations

import shlex
from datetime import UTC, datetime

from inception.plan.formats.size import show_size
from inception.plan.light_dataclasses import dataclass
from inception.stress.report.charts import charts, show_seconds
from inception.stress.report.costs import COSTS, by_level, median_or_none
from inception.stress.report.page_tables import (
    Table,
    churn_table,
    cycles_table,
    kills_table,
    levels_table,
    show_or_dash,
)
from inception.stress.report.record import LevelEngines, Report, Status
from inception.stress.report.rendering import render
from inception.stress.report.svg import DARK, HEIGHT, LIGHT, WIDTH, Mark

_EMBLEM_WIDTH = 132
_MAX_FRAMES = 14
"""Nested squares in the emblem: more would be a grey blot. Longer tables of levels are folded."""


@dataclass(frozen=True, kw_only=True)
class _Fact:
    """One value with its name."""

    name: str
    value: str


@dataclass(frozen=True, kw_only=True)
class _Emblem:
    """Nested squares, one for each level, up to _MAX_FRAMES."""

    width: int
    label: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, kw_only=True)
class _Levels:
    """Table of the levels of the chain that came deepest."""

    chain: str
    is_open: bool
    table: Table


def page(report: Report) -> str:
    """Return the whole page."""
    headline = report.verdict.headline
    return render(
        "page.html",
        report=report,
        headline=headline[:1].upper() + headline[1:],
        tone=_tone(report),
        badge=_badge(report),
        begun=datetime.fromtimestamp(report.begun, tz=UTC).strftime("%Y-%m-%d %H:%M UTC"),
        took=_duration(report.seconds),
        emblem=_emblem(report),
        tiles=_tiles(report),
        wall=report.wall,
        charts=charts(report),
        cycles=cycles_table(report),
        drifts=_drifts(report),
        kills=kills_table(report),
        churn=churn_table(report),
        levels=_levels(report),
        environment=_environment(report),
        command=shlex.join(report.campaign.command),
        width=WIDTH,
        height=HEIGHT,
        light=LIGHT,
        dark=DARK,
    )


def _tone(report: Report) -> str:
    if report.verdict.status is Status.REACHED and report.verdict.findings:
        return "troubled"
    return report.verdict.status.value


def _badge(report: Report) -> str:
    count = len(report.verdict.findings)
    found = f" · {count} finding{'' if count == 1 else 's'}" if count else ""
    return report.verdict.status.value + found


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _emblem(report: Report) -> _Emblem:
    frames = max(1, min(report.verdict.depth, _MAX_FRAMES))
    middle = _EMBLEM_WIDTH / 2
    step = (middle - 20) / frames
    marks = []
    for index in range(frames):
        inset = 1 + index * step
        marks.append(_square(inset, _EMBLEM_WIDTH - 2 * inset, opacity=f"{0.3 + 0.7 * (index + 1) / frames:.2f}"))
    core = Mark(tag="rect", attributes={"class": "core", **_square(middle - 18, 36).attributes})
    place = {"x": f"{middle:g}", "y": f"{middle + 5:g}", "text-anchor": "middle"}
    depth = Mark(tag="text", attributes=place, text=str(report.verdict.depth))
    label = f"{report.verdict.depth} levels deep"
    return _Emblem(width=_EMBLEM_WIDTH, label=label, marks=(*marks, core, depth))


def _square(inset: float, side: float, **attributes: str) -> Mark:
    box = {"x": inset, "y": inset, "width": side, "height": side, "rx": side / 9}
    return Mark(tag="rect", attributes={**{name: f"{value:.1f}" for name, value in box.items()}, **attributes})


def _tiles(report: Report) -> tuple[_Fact, ...]:
    middles = {cost.name: median_or_none(by_level(report.chains, cost).values()) for cost in COSTS}
    ascents = [
        chain.ascent_s / chain.depth_reached for chain in report.chains if chain.ascent_s and chain.depth_reached
    ]
    fit = report.fits.get("ready_s")
    return _facts(
        ("levels deep", f"{report.verdict.depth} of {report.campaign.max_depth}"),
        ("down, a level", show_or_dash(middles["ready_s"], show_seconds)),
        ("up, a level", show_or_dash(median_or_none(ascents), show_seconds)),
        ("memory a level", show_or_dash(middles["pss"], _size)),
        ("disk a level", show_or_dash(middles["disk"], _size)),
        ("exponent of time", show_or_dash(fit.exponent if fit else None, lambda value: f"{value:.2f}")),
        ("cycle" if len(report.cycles) == 1 else "cycles", str(len(report.cycles))),
        ("left behind", str(len(report.leaks))),
    )


def _size(value: float) -> str:
    return show_size(round(value))


def _facts(*pairs: tuple[str, str]) -> tuple[_Fact, ...]:
    return tuple(_Fact(name=name, value=value) for name, value in pairs)


def _drifts(report: Report) -> tuple[tuple[str, bool], ...]:
    """Return a line for each drift, and whether it is beyond noise."""
    return tuple(
        (f"{name}: {drift.change:+.1%} over {drift.cycles} cycles", drift.is_beyond_noise)
        for name, drift in report.drifts.items()
    )


def _levels(report: Report) -> _Levels | None:
    chains = [chain for chain in report.chains if chain.levels]
    if not chains:
        return None
    deepest = max(chains, key=lambda chain: chain.depth_reached)
    return _Levels(chain=deepest.name, is_open=len(deepest.levels) <= _MAX_FRAMES, table=levels_table(deepest.levels))


def _environment(report: Report) -> tuple[_Fact, ...]:
    where = report.environment
    return _facts(
        ("machine", f"{where.machine}, {where.cpus} CPUs, {show_size(where.memory)} of memory"),
        ("kernel", f"Linux {where.kernel}, cgroup v{where.cgroup_version}"),
        ("room", f"{where.pid_namespaces_free} PID namespaces below the host"),
        ("engine", f"Docker {where.engine_version} at {where.engine}, {where.storage_driver}"),
        ("image", f"{where.image} ({where.image_id.removeprefix('sha256:')[:12]})"),
        *((_levels_of(it), _engine_of(it)) for it in where.level_engines),
        ("program", f"inception {where.program}, Python {where.python}"),
    )


def _levels_of(engines: LevelEngines) -> str:
    one = engines.first == engines.last
    return f"level {engines.first}" if one else f"levels {engines.first}-{engines.last}"


def _engine_of(engines: LevelEngines) -> str:
    words = (f"Docker {engines.engine_version or 'unknown'}", engines.image_store, engines.runtime, engines.image)
    return ", ".join(filter(None, words))
