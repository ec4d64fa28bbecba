"""Charts as SVG text: stacked bars, lines and a power law on logarithmic scales. Pure: data in, text out.

Colours come from classes, whose style sheet (`STYLE`) has a light half and a dark one; so the same text stands in a
page and, with the sheet inside, alone in a file. Each mark carries a <title>, shown where the pointer rests.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 600
HEIGHT = 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 12, 12, 84
_TICKS = 5
_MOST_DOUBLINGS = 8
_WIDEST_BAR = 72.0
_NOTHING = 1e-280
"""Less cannot be divided into ticks: floats end at 5e-324."""
_LEGEND_Y = HEIGHT - 26
_LEGEND_STEP = 20
_LEGEND_GLYPH = 7.0
"""Width of a character of a legend, about."""


@dataclass(frozen=True, kw_only=True)
class Palette:
    """The colours of one theme."""

    text: str
    faint: str
    grid: str
    alarm: str
    surface: str
    series: tuple[str, ...]

    def rules(self) -> str:
        """These colours as CSS."""
        marks = "".join(f".s{n}{{fill:{colour}}}.l{n}{{stroke:{colour}}}" for n, colour in enumerate(self.series))
        return (
            f".chart text{{fill:{self.faint}}}.chart .strong{{fill:{self.text}}}.grid{{stroke:{self.grid}}}"
            f".axis{{stroke:{self.faint}}}.ring{{stroke:{self.alarm};fill:none}}.dot{{stroke:{self.surface}}}{marks}"
        )


LIGHT = Palette(
    text="#1c2430",
    faint="#5b6675",
    grid="#e3e8ee",
    alarm="#c62f2b",
    surface="#ffffff",
    series=("#3c6fd1", "#1fa38a", "#f0a531", "#d9534f", "#9aa5b1", "#5aa9e6", "#8a63d2", "#c2528b"),
)
DARK = Palette(
    text="#e8edf4",
    faint="#9aa7b8",
    grid="#2a3442",
    alarm="#ff8a84",
    surface="#171e28",
    series=("#7aa2f7", "#4fd1b5", "#f7c368", "#f2837f", "#8b98a9", "#7cc7ff", "#b794f6", "#e68ab8"),
)
STYLE = (
    ".chart{font:13px system-ui,-apple-system,'Segoe UI',Roboto,Ubuntu,sans-serif}.chart path,.chart line{fill:none}"
    ".grid,.axis{stroke-width:1}.line{stroke-width:2;stroke-linejoin:round;stroke-linecap:round}"
    ".dash{stroke-dasharray:5 4}.ring{stroke-width:2}"
    f"{LIGHT.rules()}@media (prefers-color-scheme:dark){{{DARK.rules()}}}"
)
"""The charts' style sheet, for <style> in a page."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """How numbers become words on an axis and in a mark's title."""

    title: str
    show: Callable[[float], str]


@dataclass(frozen=True, kw_only=True)
class Series:
    """One row of numbers, as many as the chart has positions; None is a gap."""

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """One chart: `body` is what stands inside its <svg>."""

    name: str
    title: str
    note: str
    body: str

    def inline(self) -> str:
        """For a page that has STYLE."""
        return (
            f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(self.title)}">'
            f"{self.body}</svg>"
        )

    def standalone(self) -> str:
        """For a file of its own."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" '
            f'width="{WIDTH}" height="{HEIGHT}"><title>{escape(self.title)}</title><style>{STYLE}</style>'
            f"{self.body}</svg>\n"
        )


def nice_ticks(greatest: float, count: int = _TICKS) -> tuple[float, ...]:
    """Round numbers from 0 until `greatest` is covered, about `count` of them."""
    if not greatest > _NOTHING or math.isinf(greatest):
        return (0.0, 1.0)
    rough = greatest / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * (1 - 1e-9))
    return tuple(step * index for index in range(math.ceil(greatest / step - 1e-9) + 1))


def stacked_bars(*, positions: Sequence[int], series: Sequence[Series], across: Axis, up: Axis) -> str:
    """A bar for each position, made of one part a series."""
    totals = [sum(it.values[index] or 0.0 for it in series) for index in range(len(positions))]
    ticks = nice_ticks(max(totals, default=0.0))
    parts = [_frame(ticks, across, up), *_position_labels(positions)]
    pitch = _pitch(len(positions))
    width = min(max(pitch - min(4.0, pitch * 0.25), 0.6), _WIDEST_BAR)
    for index, position in enumerate(positions):
        height = 0.0
        x = _LEFT + index * pitch + (pitch - width) / 2
        for number, row in enumerate(series):
            value = row.values[index] or 0.0
            top, bottom = _y(height + value, ticks), _y(height, ticks)
            height += value
            if bottom - top > 0:
                label = f"{across.title} {position}: {row.name} {up.show(value)} of {up.show(totals[index])}"
                parts.append(
                    f'<rect class="s{number}" x="{x:.1f}" y="{top:.1f}" width="{width:.1f}" '
                    f'height="{bottom - top:.2f}"><title>{escape(label)}</title></rect>'
                )
    return "".join((*parts, _legend([it.name for it in series])))


def lines(
    *,
    positions: Sequence[int],
    series: Sequence[Series],
    across: Axis,
    up: Axis,
    alarms: Sequence[tuple[int, str]] = (),
) -> str:
    """A line for each series, a dot for each number; `alarms` are positions that are ringed, and why."""
    present = [value for it in series for value in it.values if value is not None]
    ticks = nice_ticks(max(present, default=0.0))
    parts = [_frame(ticks, across, up), *_position_labels(positions)]
    why = dict(alarms)
    radius = 3.5 if len(positions) < 80 else 1.8  # noqa: PLR2004 more dots than that must be smaller
    for number, row in enumerate(series):
        points = [
            (_centre(index, len(positions)), _y(value, ticks), position, value)
            for index, (position, value) in enumerate(zip(positions, row.values, strict=True))
            if value is not None
        ]
        path = " ".join(f"{'L' if index else 'M'}{x:.1f} {y:.1f}" for index, (x, y, _, _) in enumerate(points))
        parts.append(f'<path class="line l{number}" d="{path}"/>')
        for x, y, position, value in points:
            label = f"{across.title} {position}: {row.name} {up.show(value)}"
            parts.append(
                f'<circle class="dot s{number}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}">'
                f"<title>{escape(label)}</title></circle>"
            )
            if number == 0 and position in why:
                title = f"<title>{escape(why[position])}</title>"
                parts.append(f'<circle class="ring" cx="{x:.1f}" cy="{y:.1f}" r="8">{title}</circle>')
    return "".join((*parts, _legend([it.name for it in series])))


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Points of a cost, as shares of its value at the shallowest, and the power law through them."""

    name: str
    points: tuple[tuple[float, float], ...]
    exponent: float
    coefficient: float


def power_laws(*, curves: Sequence[Curve], across: Axis, up: Axis) -> str:
    """Costs against depth on logarithmic scales, where a power law is a straight line and its exponent the slope."""
    ys = [y for curve in curves for _, y in curve.points]
    right = max(x for curve in curves for x, _ in curve.points)
    low, high = 2.0 ** math.floor(math.log2(min(ys))), 2.0 ** math.ceil(math.log2(max(ys)))
    # A flat cost lies in the middle, not on the edge.
    scale = (
        _LogScale(right=right, low=low, high=high) if low < high else _LogScale(right=right, low=low / 2, high=high * 2)
    )
    parts = [_titles(across, up)]
    for y in scale.doublings():
        at = scale.y(y)
        parts.append(f'<line class="grid" x1="{_LEFT}" y1="{at:.1f}" x2="{WIDTH - _RIGHT}" y2="{at:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{escape(up.show(y))}</text>')
    for depth in (it for it in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000) if it <= right):
        at = scale.x(depth)
        parts.append(f'<line class="grid" x1="{at:.1f}" y1="{_TOP}" x2="{at:.1f}" y2="{HEIGHT - _BOTTOM}"/>')
        parts.append(f'<text x="{at:.1f}" y="{HEIGHT - _BOTTOM + 17}" text-anchor="middle">{depth}</text>')
    for number, curve in enumerate(curves):
        for x, y in curve.points:
            label = f"{across.title} {x:g}: {curve.name} {up.show(y)}"
            parts.append(
                f'<circle class="dot s{number}" cx="{scale.x(x):.1f}" cy="{scale.y(y):.1f}" r="2.6" opacity="0.75">'
                f"<title>{escape(label)}</title></circle>"
            )
        begin, end = min(x for x, _ in curve.points), max(x for x, _ in curve.points)
        ends = [(x, scale.clamped(curve.coefficient * x**curve.exponent)) for x in (begin, end)]
        (x1, y1), (x2, y2) = ((scale.x(x), scale.y(y)) for x, y in ends)
        parts.append(f'<line class="line dash l{number}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>')
    return "".join((*parts, _legend([f"{curve.name}: exponent {curve.exponent:.2f}" for curve in curves])))


@dataclass(frozen=True, kw_only=True)
class _LogScale:
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
        every = max(1, math.ceil(count / _MOST_DOUBLINGS))
        return [self.low * 2.0**index for index in range(0, count + 1, every)]


def _y(value: float, ticks: Sequence[float]) -> float:
    return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * value / ticks[-1]


def _pitch(count: int) -> float:
    return (WIDTH - _LEFT - _RIGHT) / max(count, 1)


def _centre(index: int, count: int) -> float:
    return _LEFT + (index + 0.5) * _pitch(count)


def _frame(ticks: Sequence[float], across: Axis, up: Axis) -> str:
    parts = [_titles(across, up)]
    for tick in ticks:
        at = _y(tick, ticks)
        kind = "grid" if tick else "axis"
        parts.append(f'<line class="{kind}" x1="{_LEFT}" y1="{at:.1f}" x2="{WIDTH - _RIGHT}" y2="{at:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{escape(up.show(tick))}</text>')
    return "".join(parts)


def _titles(across: Axis, up: Axis) -> str:
    middle = _LEFT + (WIDTH - _LEFT - _RIGHT) / 2
    return (
        f'<text class="strong" x="{middle:.0f}" y="{HEIGHT - _BOTTOM + 34}" text-anchor="middle">'
        f"{escape(across.title)}</text>"
        f'<text class="strong" x="13" y="{(HEIGHT - _BOTTOM + _TOP) / 2:.0f}" text-anchor="middle" '
        f'transform="rotate(-90 13 {(HEIGHT - _BOTTOM + _TOP) / 2:.0f})">{escape(up.title)}</text>'
    )


def _position_labels(positions: Sequence[int]) -> list[str]:
    every = max(1, math.ceil(len(positions) / 20))
    # Multiples of the step are easier to read than every so many from the first; the ends are always told.
    told = [index for index, it in enumerate(positions) if it % every == 0 or len(positions) <= 20]  # noqa: PLR2004
    if every > 1 and 0 not in told and (not told or told[0] > every / 2):
        told.insert(0, 0)
    return [
        f'<text x="{_centre(index, len(positions)):.1f}" y="{HEIGHT - _BOTTOM + 17}" text-anchor="middle">'
        f"{positions[index]}</text>"
        for index in told
    ]


def _legend(names: Sequence[str]) -> str:
    """What each colour is: in as many rows as it takes, each in the middle."""
    parts = []
    for row, items in enumerate(_legend_rows(names)):
        x = max(4.0, (WIDTH - sum(width for _, width in items)) / 2)
        y = _LEGEND_Y + row * _LEGEND_STEP
        for number, width in items:
            parts.append(f'<rect class="s{number}" x="{x:.1f}" y="{y - 10}" width="11" height="11" rx="2.5"/>')
            parts.append(f'<text x="{x + 16:.1f}" y="{y}">{escape(names[number])}</text>')
            x += width
    return "".join(parts)


def _legend_rows(names: Sequence[str]) -> list[list[tuple[int, float]]]:
    """The number and the width of each name, row by row."""
    rows: list[list[tuple[int, float]]] = [[]]
    for number, name in enumerate(names):
        width = len(name) * _LEGEND_GLYPH + 32
        if rows[-1] and sum(it for _, it in rows[-1]) + width > WIDTH:
            rows.append([])
        rows[-1].append((number, width))
    return rows
