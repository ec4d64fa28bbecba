"""Charts as marks, the elements of an SVG: stacked bars, lines, and power laws on logarithmic scales.

Nothing here is text of SVG yet: a template writes the marks and escapes what stands in them. Colours come from classes,
whose style sheet has a light half and a dark one, so the same marks stand in a page and alone in a file. Each mark that
shows a number has a title, which a browser shows under the pointer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from inception.stress.report.rendering import render

WIDTH = 600
HEIGHT = 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 12, 12, 84
_TICKS = 5
_MAX_DOUBLINGS = 8
_MAX_BAR_WIDTH = 72.0
_MIN_GREATEST = 1e-280
"""A smaller greatest value cannot be divided into ticks: floats end at 5e-324."""
_LABEL_GLYPH = 7.0
"""Estimated width of one digit of a position's label, of which one is between labels, too."""
_LEGEND_Y = HEIGHT - 26
_LEGEND_STEP = 20
_LEGEND_GLYPH = 7.0
"""Estimated width of one character of a legend."""


@dataclass(frozen=True, kw_only=True)
class Palette:
    """Colours of one theme."""

    text: str
    faint: str
    grid: str
    alarm: str
    surface: str
    series: tuple[str, ...]


LIGHT = Palette(
    text="#1c2430",
    faint="#5b6675",
    grid="#e3e8ee",
    alarm="#c62f2b",
    surface="#ffffff",
    series=("#3c6fd1", "#1fa38a", "#f0a531", "#d9534f", "#7d9633", "#5aa9e6", "#8a63d2", "#c2528b"),
)
DARK = Palette(
    text="#e8edf4",
    faint="#9aa7b8",
    grid="#2a3442",
    alarm="#ff8a84",
    surface="#171e28",
    series=("#7aa2f7", "#4fd1b5", "#f7c368", "#f2837f", "#b5cc6a", "#7cc7ff", "#b794f6", "#e68ab8"),
)


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One element of an SVG. `title` and `text` stand inside it; `attributes` are by SVG's names."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    title: str = ""
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """Title of an axis, and how its numbers are shown, on the axis and in the title of a mark."""

    title: str
    show: Callable[[float], str]


@dataclass(frozen=True, kw_only=True)
class Series:
    """One row of numbers, as many as the chart has positions; None is a gap."""

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """One chart: its marks, its title, and a note for the reader."""

    name: str
    title: str
    note: str
    marks: tuple[Mark, ...]


def chart_svg(chart: Chart) -> str:
    """Return `chart` as an SVG file, light or dark as the reader's system is."""
    return _svg(chart, dark=DARK, background="")


def printable_svg(chart: Chart) -> str:
    """Return `chart` as an SVG file in light colours on white, for a renderer without themes."""
    return _svg(chart, dark=None, background=LIGHT.surface)


def _svg(chart: Chart, *, dark: Palette | None, background: str) -> str:
    return render("chart.svg", chart=chart, width=WIDTH, height=HEIGHT, light=LIGHT, dark=dark, background=background)


def nice_ticks(greatest: float, count: int = _TICKS) -> tuple[float, ...]:
    """Return round numbers from 0 until `greatest` is covered, about `count` of them."""
    if not greatest > _MIN_GREATEST or math.isinf(greatest):
        return (0.0, 1.0)
    rough = greatest / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * (1 - 1e-9))
    return tuple(step * index for index in range(math.ceil(greatest / step - 1e-9) + 1))


def stacked_bars(*, positions: Sequence[int], series: Sequence[Series], across: Axis, up: Axis) -> tuple[Mark, ...]:
    """Return a bar for each position, made of one part for each series."""
    totals = [sum(it.values[index] or 0.0 for it in series) for index in range(len(positions))]
    ticks = nice_ticks(max(totals, default=0.0))
    marks = [*_frame(ticks, across, up), *_position_labels(positions)]
    pitch = _pitch(len(positions))
    width = min(max(pitch - min(4.0, pitch * 0.25), 0.6), _MAX_BAR_WIDTH)
    for index, position in enumerate(positions):
        height = 0.0
        x = _LEFT + index * pitch + (pitch - width) / 2
        for number, row in enumerate(series):
            value = row.values[index] or 0.0
            top, bottom = _y(height + value, ticks), _y(height, ticks)
            height += value
            if bottom - top > 0:
                title = f"{across.title} {position}: {row.name} {up.show(value)} of {up.show(totals[index])}"
                box = {"x": f"{x:.1f}", "y": f"{top:.1f}", "width": f"{width:.1f}", "height": f"{bottom - top:.2f}"}
                marks.append(Mark(tag="rect", attributes={"class": f"s{number}", **box}, title=title))
    return (*marks, *_legend([it.name for it in series]))


def lines(
    *,
    positions: Sequence[int],
    series: Sequence[Series],
    across: Axis,
    up: Axis,
    alarms: Sequence[tuple[int, str]] = (),
) -> tuple[Mark, ...]:
    """Return a line for each series and a dot for each number; `alarms` are positions to ring, each with its reason."""
    present = [value for it in series for value in it.values if value is not None]
    ticks = nice_ticks(max(present, default=0.0))
    marks = [*_frame(ticks, across, up), *_position_labels(positions)]
    reasons = dict(alarms)
    radius = 3.5 if len(positions) < 80 else 1.8  # noqa: PLR2004 more dots than that must be smaller
    for number, row in enumerate(series):
        points = [
            (_centre(index, len(positions)), _y(value, ticks), position, value)
            for index, (position, value) in enumerate(zip(positions, row.values, strict=True))
            if value is not None
        ]
        path = " ".join(f"{'L' if index else 'M'}{x:.1f} {y:.1f}" for index, (x, y, _, _) in enumerate(points))
        marks.append(Mark(tag="path", attributes={"class": f"line l{number}", "d": path}))
        for x, y, position, value in points:
            marks.append(
                _circle(f"dot s{number}", (x, y), radius, f"{across.title} {position}: {row.name} {up.show(value)}")
            )
            if number == 0 and position in reasons:
                marks.append(_circle("ring", (x, y), 8, reasons[position]))
    return (*marks, *_legend([it.name for it in series]))


def bundle(
    *, positions: Sequence[int], threads: Sequence[Series], series: Sequence[Series], across: Axis, up: Axis
) -> tuple[Mark, ...]:
    """Return a faint line for each of `threads`, however many, and before them a line with a legend for each series."""
    present = [value for it in (*threads, *series) for value in it.values if value is not None]
    ticks = nice_ticks(max(present, default=0.0))
    marks = [*_frame(ticks, across, up), *_position_labels(positions)]
    thread = "thread" if len(threads) < 200 else "thread many"  # noqa: PLR2004 more lines than that must be fainter
    rows = [(thread, it) for it in threads] + [(f"line l{number}", it) for number, it in enumerate(series)]
    for kind, row in rows:
        reached = [value for value in row.values if value is not None]
        if reached:
            title = f"{row.name}: {up.show(min(reached))} to {up.show(max(reached))}"
            marks.append(Mark(tag="path", attributes={"class": kind, "d": _broken_path(row, ticks)}, title=title))
    return (*marks, *_legend([it.name for it in series]))


def _broken_path(row: Series, ticks: Sequence[float]) -> str:
    """Return the line through the values of `row`, interrupted at gaps; a lone value is a dash of its own."""
    words, before = [], None
    for index, value in enumerate(row.values):
        if value is not None:
            x, y = _centre(index, len(row.values)), _y(value, ticks)
            words.append(f"{'M' if before is None else 'L'}{x:.0f} {y:.1f}")
            if before is None and (index + 1 == len(row.values) or row.values[index + 1] is None):
                words.append("h4")
        before = value
    return "".join(words)


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Points of a cost, as shares of its value at the shallowest level, and the power law through them."""

    name: str
    points: tuple[tuple[float, float], ...]
    exponent: float
    coefficient: float


def power_laws(*, curves: Sequence[Curve], across: Axis, up: Axis) -> tuple[Mark, ...]:
    """Return costs against depth on logarithmic scales, where a power law is a straight line."""
    ys = [y for curve in curves for _, y in curve.points]
    right = max(x for curve in curves for x, _ in curve.points)
    low, high = 2.0 ** math.floor(math.log2(min(ys))), 2.0 ** math.ceil(math.log2(max(ys)))
    # A flat cost lies in the middle, not on the edge.
    scale = (
        _LogScale(right=right, low=low, high=high) if low < high else _LogScale(right=right, low=low / 2, high=high * 2)
    )
    marks = [*_titles(across, up), *_log_grid(scale, up)]
    for number, curve in enumerate(curves):
        marks.extend(
            _circle(
                f"dot pale s{number}", (scale.x(x), scale.y(y)), 2.6, f"{across.title} {x:g}: {curve.name} {up.show(y)}"
            )
            for x, y in curve.points
        )
        begin, end = min(x for x, _ in curve.points), max(x for x, _ in curve.points)
        ends = [(x, scale.clamped(curve.coefficient * x**curve.exponent)) for x in (begin, end)]
        (x1, y1), (x2, y2) = ((scale.x(x), scale.y(y)) for x, y in ends)
        marks.append(_line(f"line dash l{number}", (x1, y1), (x2, y2)))
    return (*marks, *_legend([f"{curve.name}: exponent {curve.exponent:.2f}" for curve in curves]))


@dataclass(frozen=True, kw_only=True)
class _LogScale:
    """Logarithmic scales: depth 1 to `right` across, `low` to `high` up."""

    right: float
    low: float
    high: float

    def x(self, value: float) -> float:
        share = math.log(value) / math.log(self.right) if self.right > 1 else 0.5
        return _LEFT + 14 + (WIDTH - _LEFT - _RIGHT - 28) * share

    def y(self, value: float) -> float:
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * share

    def clamped(self, value: float) -> float:
        return min(max(value, self.low), self.high)

    def doublings(self) -> list[float]:
        count = round(math.log2(self.high / self.low))
        every = max(1, math.ceil(count / _MAX_DOUBLINGS))
        return [self.low * 2.0**index for index in range(0, count + 1, every)]


def _log_grid(scale: _LogScale, up: Axis) -> list[Mark]:
    marks = []
    for y in scale.doublings():
        at = scale.y(y)
        marks += [_line("grid", (_LEFT, at), (WIDTH - _RIGHT, at)), _text((_LEFT - 8, at + 4), up.show(y), "end")]
    for depth in (it for it in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000) if it <= scale.right):
        at = scale.x(depth)
        marks.append(_line("grid", (at, _TOP), (at, HEIGHT - _BOTTOM)))
        marks.append(_text((at, HEIGHT - _BOTTOM + 17), str(depth)))
    return marks


def _circle(kind: str, at: tuple[float, float], radius: float, title: str) -> Mark:
    centre = {"cx": f"{at[0]:.1f}", "cy": f"{at[1]:.1f}"}
    return Mark(tag="circle", attributes={"class": kind, **centre, "r": f"{radius:g}"}, title=title)


def _line(kind: str, begin: tuple[float, float], end: tuple[float, float]) -> Mark:
    names = ("x1", "y1", "x2", "y2")
    ends = {name: f"{value:.1f}" for name, value in zip(names, (*begin, *end), strict=True)}
    return Mark(tag="line", attributes={"class": kind, **ends})


def _text(at: tuple[float, float], text: str, anchor: str = "middle") -> Mark:
    place = {"x": f"{at[0]:.1f}", "y": f"{at[1]:.1f}"}
    return Mark(tag="text", attributes={**place, "text-anchor": anchor}, text=text)


def _y(value: float, ticks: Sequence[float]) -> float:
    return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * value / ticks[-1]


def _pitch(count: int) -> float:
    return (WIDTH - _LEFT - _RIGHT) / max(count, 1)


def _centre(index: int, count: int) -> float:
    return _LEFT + (index + 0.5) * _pitch(count)


def _frame(ticks: Sequence[float], across: Axis, up: Axis) -> list[Mark]:
    marks = [*_titles(across, up)]
    for tick in ticks:
        at = _y(tick, ticks)
        marks.append(_line("grid" if tick else "axis", (_LEFT, at), (WIDTH - _RIGHT, at)))
        marks.append(_text((_LEFT - 8, at + 4), up.show(tick), "end"))
    return marks


def _titles(across: Axis, up: Axis) -> tuple[Mark, Mark]:
    middle, height = _LEFT + (WIDTH - _LEFT - _RIGHT) / 2, (HEIGHT - _BOTTOM + _TOP) / 2
    strong = {"class": "strong", "text-anchor": "middle"}
    below = {"x": f"{middle:.0f}", "y": f"{HEIGHT - _BOTTOM + 34}"}
    beside = {"x": "13", "y": f"{height:.0f}", "transform": f"rotate(-90 13 {height:.0f})"}
    return (
        Mark(tag="text", attributes={**strong, **below}, text=across.title),
        Mark(tag="text", attributes={**strong, **beside}, text=up.title),
    )


def _position_labels(positions: Sequence[int]) -> list[Mark]:
    if not positions:
        return []
    shown = next((it for it in _rounder_and_rounder(positions) if _have_room(it, positions)), [0])
    # The first is labelled, too, where there is room.
    if shown[0] > 0 and _have_room([0, *shown], positions):
        shown.insert(0, 0)
    return [_text((_centre(index, len(positions)), HEIGHT - _BOTTOM + 17), str(positions[index])) for index in shown]


def _rounder_and_rounder(positions: Sequence[int]) -> Iterator[list[int]]:
    """Yield the indices of all positions, then of the multiples of 2, 5, 10, 20, ..., as long as there are some.

    They are easier to read than every so many from the first.
    """
    power = 1
    while power <= max(positions, default=0):
        for every in (power, 2 * power, 5 * power):
            if shown := [index for index, it in enumerate(positions) if it % every == 0]:
                yield shown
        power *= 10


def _have_room(shown: Sequence[int], positions: Sequence[int]) -> bool:
    """Return whether labels below these indices of `positions` do not run into each other."""
    pitch = _pitch(len(positions))
    return all(
        (right - left) * pitch > (len(f"{positions[left]}{positions[right]}") / 2 + 1) * _LABEL_GLYPH
        for left, right in pairwise(shown)
    )


def _legend(names: Sequence[str]) -> list[Mark]:
    """Return the name of each colour, in as many rows as it takes, each row centred."""
    marks = []
    for row, items in enumerate(_legend_rows(names)):
        x = max(4.0, (WIDTH - sum(width for _, width in items)) / 2)
        y = _LEGEND_Y + row * _LEGEND_STEP
        for number, width in items:
            box = {"x": f"{x:.1f}", "y": f"{y - 10}", "width": "11", "height": "11", "rx": "2.5"}
            marks.append(Mark(tag="rect", attributes={"class": f"s{number}", **box}))
            marks.append(Mark(tag="text", attributes={"x": f"{x + 16:.1f}", "y": f"{y}"}, text=names[number]))
            x += width
    return marks


def _legend_rows(names: Sequence[str]) -> list[list[tuple[int, float]]]:
    """Return the number and the width of each name, row by row."""
    rows: list[list[tuple[int, float]]] = [[]]
    for number, name in enumerate(names):
        width = len(name) * _LEGEND_GLYPH + 32
        if rows[-1] and sum(it for _, it in rows[-1]) + width > WIDTH:
            rows.append([])
        rows[-1].append((number, width))
    return rows
