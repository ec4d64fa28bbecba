"""A report as one page of HTML that needs nothing else: no network, no script, light or dark as the reader's system is.

The verdict comes first, then the wall, the charts, the tables, the environment, and how to do it again.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from statistics import median

from inception.plan.size import show_size
from inception.stress.report.charts import charts, show_seconds
from inception.stress.report.costs import COSTS, by_level
from inception.stress.report.record import CycleRecord, LevelRecord, Report, Status, WallRecord
from inception.stress.report.svg import STYLE

_NEST = 132
_MOST_FRAMES = 14
"""Nested squares in the emblem: more would be a grey blot."""
_FEW_LEAKS = 3
_NO_NUMBER = "–"  # noqa: RUF001 an en dash is how a table says that there is nothing to say


def page(report: Report) -> str:
    """The whole page."""
    css = (files("inception.stress.report") / "page.css").read_text(encoding="utf-8")
    title = f"inception stress: {report.verdict.headline}"
    parts = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        # Without it a browser asks for a file that is not there.
        '<link rel="icon" href="data:,">',
        f"<title>{escape(title)}</title><style>\n{css}{STYLE}\n</style></head><body><main>",
        _hero(report),
        _tiles(report),
        _wall(report.wall),
        _charts(report),
        _cycles(report),
        _kills(report),
        _churn(report),
        _levels(report),
        _environment(report),
        _replay(report),
        "</main></body></html>\n",
    ]
    return "".join(parts)


def _tone(report: Report) -> str:
    if report.verdict.status is Status.REACHED and report.verdict.findings:
        return "troubled"
    return report.verdict.status.value


def _badge(report: Report) -> str:
    count = len(report.verdict.findings)
    found = f" · {count} finding{'' if count == 1 else 's'}" if count else ""
    return report.verdict.status.value + found


def _hero(report: Report) -> str:
    when = datetime.fromtimestamp(report.begun, tz=UTC).strftime("%Y-%m-%d %H:%M UTC")
    findings = "".join(f"<li>{escape(it)}</li>" for it in report.verdict.findings)
    headline = report.verdict.headline
    return (
        f'<section class="hero {_tone(report)}">{_emblem(report)}<div>'
        f'<span class="badge">{escape(_badge(report))}</span>'
        f"<h1>{escape(headline[:1].upper() + headline[1:])}</h1>"
        f'<p class="faint">{when} · {_duration(report.seconds)} · Linux {escape(report.environment.kernel)} · '
        f"Docker {escape(report.environment.engine_version)}</p>"
        + (f'<ul class="findings">{findings}</ul>' if findings else "")
        + "</div></section>"
    )


def _emblem(report: Report) -> str:
    """A square in a square in a square: as many as there were levels, or as many as the eye can tell apart."""
    frames = max(1, min(report.verdict.depth, _MOST_FRAMES))
    step = (_NEST / 2 - 20) / frames
    drawn = []
    for index in range(frames):
        inset = 1 + index * step
        side = _NEST - 2 * inset
        drawn.append(
            f'<rect x="{inset:.1f}" y="{inset:.1f}" width="{side:.1f}" height="{side:.1f}" rx="{side / 9:.1f}" '
            f'opacity="{0.3 + 0.7 * (index + 1) / frames:.2f}"/>'
        )
    middle = _NEST / 2
    label = f'<text x="{middle}" y="{middle + 5}" text-anchor="middle">{report.verdict.depth}</text>'
    core = f'<rect class="core" x="{middle - 18}" y="{middle - 18}" width="36" height="36" rx="7"/>'
    return (
        f'<svg class="nest" viewBox="0 0 {_NEST} {_NEST}" role="img" '
        f'aria-label="{report.verdict.depth} levels deep">{"".join(drawn)}{core}{label}</svg>'
    )


def _tiles(report: Report) -> str:
    middles = {cost.name: _middle(by_level(report.chains, cost).values()) for cost in COSTS}
    ascents = [
        chain.ascent_s / chain.depth_reached for chain in report.chains if chain.ascent_s and chain.depth_reached
    ]
    ascent = _middle(ascents)
    fit = report.fits.get("ready_s")
    tiles = [
        (f"{report.verdict.depth} of {report.campaign.max_depth}", "levels deep"),
        (_seconds(middles["ready_s"]), "down, a level"),
        (_seconds(ascent), "up, a level"),
        (_size(middles["pss"]), "memory a level"),
        (_size(middles["disk"]), "disk a level"),
        (f"{fit.exponent:.2f}" if fit else _NO_NUMBER, "exponent of time"),
        (str(len(report.cycles)), "cycle" if len(report.cycles) == 1 else "cycles"),
        (str(len(report.leaks)), "left behind"),
    ]
    return (
        '<div class="tiles">'
        + "".join(f'<div class="tile"><b>{escape(value)}</b><span>{escape(name)}</span></div>' for value, name in tiles)
        + "</div>"
    )


def _middle(values: Iterable[float]) -> float | None:
    kept = list(values)
    return median(kept) if kept else None


def _seconds(value: float | None) -> str:
    return _NO_NUMBER if value is None else show_seconds(value)


def _size(value: float | None) -> str:
    return _NO_NUMBER if value is None else show_size(round(value))


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _wall(wall: WallRecord | None) -> str:
    if wall is None:
        return ""
    where = "before level 1" if wall.level is None else f"level {wall.level}"
    evidence = "".join(f"<li>{escape(it)}</li>" for it in wall.evidence) or "<li>none on the host</li>"
    tail = (
        f"<details><summary>the end of its log</summary><pre>{escape(chr(10).join(wall.log_tail))}</pre></details>"
        if wall.log_tail
        else ""
    )
    return (
        '<h2>The wall</h2><section class="card"><dl class="why">'
        f"<dt>cause</dt><dd><b>{escape(wall.title)}</b></dd>"
        f"<dt>where</dt><dd>{where}{f', phase {escape(wall.phase)}' if wall.phase else ''}</dd>"
        f"<dt>what was said</dt><dd><code>{escape(wall.message)}</code></dd>"
        f"<dt>evidence</dt><dd><ul>{evidence}</ul></dd>"
        f"<dt>what helps</dt><dd>{escape(wall.remedy)}</dd></dl>{tail}</section>"
    )


def _charts(report: Report) -> str:
    drawn = "".join(
        f'<figure class="card" style="margin:0"><h3>{escape(chart.title)}</h3><p>{escape(chart.note)}</p>'
        f"{chart.inline()}</figure>"
        for chart in charts(report)
    )
    return f'<h2>Measured</h2><div class="charts">{drawn}</div>' if drawn else ""


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], left: int = 0) -> str:
    """A table; its last columns, from `left` on if above 0, are text. Cells are HTML."""

    def kind(index: int) -> str:
        return ' class="left wrap"' if left and index >= left else ""

    head = "".join(f"<th{kind(index)}>{escape(it)}</th>" for index, it in enumerate(headings))
    body = "".join(
        "<tr>" + "".join(f"<td{kind(index)}>{cell}</td>" for index, cell in enumerate(row)) + "</tr>" for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cycles(report: Report) -> str:
    if len(report.cycles) < 2 and not report.leaks:  # noqa: PLR2004 what there is to say of one cycle has been said
        return ""
    drifts = [
        f"<li>{escape(name)}: {drift.change:+.1%} over {drift.cycles} cycles, "
        f"{'<b class=bad>beyond noise</b>' if drift.is_beyond_noise else 'within noise'}</li>"
        for name, drift in report.drifts.items()
    ]
    return (
        "<h2>Cycles</h2>"
        + _table(("cycle", "depth", "down", "up", "memory back", "left behind"), map(_cycle_row, report.cycles), left=5)
        + (
            f"<details><summary>drift from cycle to cycle</summary><ul>{''.join(drifts)}</ul></details>"
            if drifts
            else ""
        )
    )


def _cycle_row(cycle: CycleRecord) -> Sequence[str]:
    depth = min((chain.depth_reached for chain in cycle.chains), default=0)
    down = _middle(chain.descent_s for chain in cycle.chains if chain.descent_s is not None)
    up = _middle(chain.ascent_s for chain in cycle.chains if chain.ascent_s is not None)
    before, after = cycle.before.memory_available, cycle.after.memory_available
    change = _NO_NUMBER if before is None or after is None else f"{(after - before) / 1e6:+.0f} MB"
    left = _leaks(cycle.leaks) if cycle.leaks else '<span class="good">nothing</span>'
    return (str(cycle.number), str(depth), _seconds(down), _seconds(up), change, left)


def _leaks(leaks: Sequence[str]) -> str:
    """A few are told at once; of more, their number, and all where one asks for them."""
    items = "".join(f"<li>{escape(leak)}</li>" for leak in leaks)
    if len(leaks) <= _FEW_LEAKS:
        return f'<ul class="leaks bad">{items}</ul>'
    return f'<details><summary class="bad">{len(leaks)} things</summary><ul class="leaks bad">{items}</ul></details>'


def _kills(report: Report) -> str:
    kills = [(cycle.number, chain, chain.kill) for cycle in report.cycles for chain in cycle.chains if chain.kill]
    if not kills:
        return ""
    rows = [
        (
            str(number),
            str(kill.trigger),
            f"{kill.delay_s:.2f} s",
            str(kill.level),
            str(kill.pid or _NO_NUMBER),
            _seconds(kill.ended_s),
            escape(kill.target),
            escape(chain.name),
        )
        for number, chain, kill in kills
    ]
    headings = ("cycle", "once ready: level", "after", "killed at level", "process", "chain gone in", "target", "chain")
    return "<h2>Chaos</h2>" + _table(headings, rows, left=6)


def _churn(report: Report) -> str:
    rows = [
        (
            str(cycle.number),
            str(churn.containers),
            str(churn.clients),
            _seconds(churn.seconds),
            _seconds(_middle(churn.run_s)),
            _seconds(max(churn.run_s, default=None)),
            f'<span class="bad">{escape("; ".join(churn.errors))}</span>' if churn.errors else "none",
            escape(chain.name),
        )
        for cycle in report.cycles
        for chain in cycle.chains
        if (churn := chain.churn)
    ]
    if not rows:
        return ""
    headings = ("cycle", "containers", "clients", "in all", "each (median)", "slowest", "errors", "chain")
    return "<h2>Churn at the bottom</h2>" + _table(headings, rows, left=6)


def _levels(report: Report) -> str:
    chains = [chain for chain in report.chains if chain.levels]
    if not chains:
        return ""
    deepest = max(chains, key=lambda chain: chain.depth_reached)
    headings = ("level", "ready in", "unwound in", "memory", "disk", "inodes", "mounts", "cgroups", "links", "threads")
    table = _table((*headings, "descriptors", "PID ns", "API", "container"), map(_level_row, deepest.levels))
    return (
        f"<h2>Levels</h2><details{' open' if len(deepest.levels) <= _MOST_FRAMES else ''}>"
        f"<summary>each level of {escape(deepest.name)}, which came deepest</summary>{table}</details>"
    )


def _level_row(level: LevelRecord) -> Sequence[str]:
    found = level.measure
    measured = (
        (
            show_size(found.pss),
            show_size(found.disk),
            *map(str, (found.inodes, found.mounts, found.cgroups, found.links, found.threads, found.descriptors)),
        )
        if found
        else (_NO_NUMBER,) * 8
    )
    return (
        str(level.number),
        _seconds(level.ready_s),
        _seconds(level.unwound_s),
        *measured,
        str(level.pid_namespaces or _NO_NUMBER),
        _seconds(level.api_s),
        _seconds(level.run_s),
    )


def _environment(report: Report) -> str:
    where = report.environment
    rows = (
        ("machine", f"{where.machine}, {where.cpus} CPUs, {show_size(where.memory)} of memory"),
        ("kernel", f"Linux {where.kernel}, cgroup v{where.cgroup_version}"),
        ("room", f"{where.pid_namespaces_free} PID namespaces below the host"),
        ("engine", f"Docker {where.engine_version} at {where.engine}, {where.storage_driver}"),
        ("image", f"{where.image} ({where.image_id.removeprefix('sha256:')[:12]})"),
        ("program", f"inception {where.program}, Python {where.python}"),
    )
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows)
    return f'<h2>Where it ran</h2><section class="card"><dl class="why">{listed}</dl></section>'


def _replay(report: Report) -> str:
    command = escape(shlex.join(report.campaign.command))
    return f'<h2>Do it again</h2><section class="card"><pre style="margin:0">{command}</pre></section>'
