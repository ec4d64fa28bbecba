"""Tables of the page: cycles, kills, churn and levels, as cells that the template writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from inception.plan.formats.size import show_size
from inception.plan.light_dataclasses import dataclass
from inception.stress.report.charts import show_seconds
from inception.stress.report.costs import median_or_none
from inception.stress.report.record import CycleRecord, LevelRecord, Report

_FEW_ITEMS = 3
"""A cell with more items than these is folded."""
_DASH = "–"  # noqa: RUF001 an en dash is how a table shows that there is no value


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell: `text`, or a list of `items` that is folded under `text` where there is one. `tone` is a CSS class."""

    text: str = ""
    tone: str = ""
    items: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table; its columns from number `left` on are aligned to the left, none where it is None."""

    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    left: int | None = None


def show_or_dash(value: float | None, show: Callable[[float], str]) -> str:
    """Return `value` as `show` shows it, or a dash for None."""
    return _DASH if value is None else show(value)


def cells(*texts: str) -> tuple[Cell, ...]:
    """Return a plain cell for each text."""
    return tuple(Cell(text=text) for text in texts)


def cycles_table(report: Report) -> Table | None:
    """Return a row for each cycle; None where one cycle left nothing behind: the page shows all of it elsewhere."""
    if len(report.cycles) < 2 and not report.leaks:  # noqa: PLR2004 one is not to be compared with others
        return None
    headings = ("cycle", "depth", "down", "up", "memory back", "left behind")
    return Table(headings=headings, rows=tuple(map(_cycle_row, report.cycles)), left=5)


def _cycle_row(cycle: CycleRecord) -> tuple[Cell, ...]:
    depth = min((chain.depth_reached for chain in cycle.chains), default=0)
    down = median_or_none(chain.descent_s for chain in cycle.chains if chain.descent_s is not None)
    up = median_or_none(chain.ascent_s for chain in cycle.chains if chain.ascent_s is not None)
    before, after = cycle.before.memory_available, cycle.after.memory_available
    change = None if before is None or after is None else after - before
    return (
        *cells(str(cycle.number), str(depth), show_or_dash(down, show_seconds), show_or_dash(up, show_seconds)),
        Cell(text=show_or_dash(change, lambda value: f"{value / 1e6:+.0f} MB")),
        _leaks(cycle.leaks),
    )


def _leaks(leaks: Sequence[str]) -> Cell:
    if not leaks:
        return Cell(text="nothing", tone="good")
    folded = f"{len(leaks)} things" if len(leaks) > _FEW_ITEMS else ""
    return Cell(text=folded, tone="bad", items=tuple(leaks))


def kills_table(report: Report) -> Table | None:
    """Return a row for each kill of chaos; None without chaos."""
    rows = tuple(
        cells(
            str(cycle.number),
            str(kill.trigger),
            f"{kill.delay_s:.2f} s",
            str(kill.level),
            str(kill.pid or _DASH),
            show_or_dash(kill.ended_s, show_seconds),
            kill.target,
            chain.name,
        )
        for cycle in report.cycles
        for chain in cycle.chains
        if (kill := chain.kill)
    )
    headings = ("cycle", "once ready: level", "after", "killed at level", "process", "chain gone in", "target", "chain")
    return Table(headings=headings, rows=rows, left=6) if rows else None


def churn_table(report: Report) -> Table | None:
    """Return a row for each chain at whose bottom containers were started; None where none was."""
    rows = tuple(
        (
            *cells(str(cycle.number), str(churn.containers), str(churn.clients), show_seconds(churn.seconds)),
            Cell(text=show_or_dash(median_or_none(churn.run_s), show_seconds)),
            Cell(text=show_or_dash(max(churn.run_s, default=None), show_seconds)),
            Cell(text="; ".join(churn.errors), tone="bad") if churn.errors else Cell(text="none"),
            Cell(text=chain.name),
        )
        for cycle in report.cycles
        for chain in cycle.chains
        if (churn := chain.churn)
    )
    headings = ("cycle", "containers", "clients", "in all", "each (median)", "slowest", "errors", "chain")
    return Table(headings=headings, rows=rows, left=6) if rows else None


def levels_table(levels: Sequence[LevelRecord]) -> Table:
    """Return a row for each of `levels`."""
    headings = ("level", "ready in", "unwound in", "memory", "disk", "inodes", "mounts", "cgroups", "links", "threads")
    return Table(headings=(*headings, "descriptors", "PID ns", "API", "container"), rows=tuple(map(_level_row, levels)))


def _level_row(level: LevelRecord) -> tuple[Cell, ...]:
    found = level.measure
    measured = (
        (
            show_size(found.pss),
            show_size(found.disk),
            *map(str, (found.inodes, found.mounts, found.cgroups, found.links, found.threads, found.descriptors)),
        )
        if found
        else (_DASH,) * 8
    )
    return cells(
        str(level.number),
        show_or_dash(level.ready_s, show_seconds),
        show_or_dash(level.unwound_s, show_seconds),
        *measured,
        str(level.pid_namespaces or _DASH),
        show_or_dash(level.api_s, show_seconds),
        show_or_dash(level.run_s, show_seconds),
    )
