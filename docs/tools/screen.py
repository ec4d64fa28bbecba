"""Draw what a terminal showed as an animated SVG, which plays in a browser and in a README without a script.

All frames stand below one another, and a window moves from each to the next. Lines that come again are drawn once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from xml.sax.saxutils import escape

COLUMN, ROW = 8.4, 19
"""Width and height of a character, in pixels."""
_MARGIN = 14
_COLOURS = {
    "default": "#d6deeb",
    "black": "#5c6773",
    "red": "#ff7b72",
    "green": "#7ee787",
    "brown": "#f2cc60",
    "yellow": "#f2cc60",
    "blue": "#79c0ff",
    "magenta": "#d2a8ff",
    "cyan": "#76e3ea",
    "white": "#f0f6fc",
}
_STYLE = """
text { font: 14px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; white-space: pre; fill: #d6deeb }
.b { font-weight: bold }
"""


@dataclass(frozen=True)
class Run:
    """Characters of one look that stand beside one another, from `column` on."""

    column: int
    text: str
    colour: str = "default"
    bold: bool = False


Line = tuple[Run, ...]


@dataclass(frozen=True, kw_only=True)
class Frame:
    """The lines of the screen, from second `at_s` on."""

    at_s: float
    lines: tuple[Line, ...]


def runs(cells: Sequence[tuple[str, str, bool]]) -> Line:
    """Return the runs of a line's cells: character, colour, bold. Spaces at its end are left out."""
    found: list[Run] = []
    column = 0
    for (colour, bold), group in groupby(cells, key=lambda it: it[1:]):
        text = "".join(it[0] for it in group)
        found.append(Run(column, text, colour, bold))
        column += len(text)
    while found and not found[-1].text.strip():
        found.pop()
    return tuple(found)


def still(frame: Frame, columns: int, rows: int) -> str:
    """Return the SVG of one frame, without animation."""
    return _svg((frame,), columns, rows, "")


def animated(frames: Sequence[Frame], columns: int, rows: int, *, pause_s: float) -> str:
    """Return the SVG that plays `frames` for ever, with a pause of `pause_s` at the end.

    A reader who wants no motion sees the last frame.
    """
    whole_s = frames[-1].at_s + pause_s
    height = rows * ROW
    steps = "".join(
        f"{frame.at_s / whole_s:.3%} {{ transform: translateY({-at * height}px) }}\n" for at, frame in enumerate(frames)
    )
    last = -(len(frames) - 1) * height
    style = (
        f"@keyframes play {{\n{steps}100% {{ transform: translateY({last}px) }}\n}}\n"
        f".play {{ animation: play {whole_s:.2f}s step-end infinite }}\n"
        f"@media (prefers-reduced-motion: reduce) {{ .play {{ animation: none; transform: translateY({last}px) }} }}\n"
    )
    return _svg(frames, columns, rows, style)


def _svg(frames: Sequence[Frame], columns: int, rows: int, style: str) -> str:
    width, height = round(columns * COLUMN), rows * ROW
    names = _names(frames)
    size = f'viewBox="0 0 {width + 2 * _MARGIN} {height + 2 * _MARGIN}" width="{width + 2 * _MARGIN}"'
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"><style>{_STYLE}{style}</style>',
            f'<rect width="100%" height="100%" rx="8" fill="#0d1117"/><defs>{"".join(_drawn(names))}</defs>',
            f'<svg x="{_MARGIN}" y="{_MARGIN}" width="{width}" height="{height}"><g class="play">',
            *(_frame(frame, at * height, names) for at, frame in enumerate(frames)),
            "</g></svg></svg>\n",
        )
    )


def _names(frames: Sequence[Frame]) -> Mapping[Line, str]:
    lines = dict.fromkeys(line for frame in frames for line in frame.lines if line)
    return {line: f"l{number}" for number, line in enumerate(lines)}


def _drawn(names: Mapping[Line, str]) -> Iterator[str]:
    for line, name in names.items():
        yield f'<text id="{name}">{"".join(map(_run, line))}</text>\n'


def _run(run: Run) -> str:
    colour = _COLOURS.get(run.colour.removeprefix("bright"), run.colour if run.colour.startswith("#") else "#d6deeb")
    look = ("" if run.colour == "default" else f' fill="{colour}"') + (' class="b"' if run.bold else "")
    # With its length given, a line is as wide with any font.
    text = run.text.rstrip() or " "
    length = f' textLength="{len(text) * COLUMN:.1f}"' if len(text) > 1 else ""
    return f'<tspan x="{run.column * COLUMN:.1f}"{length}{look}>{escape(text)}</tspan>'


def _frame(frame: Frame, top: int, names: Mapping[Line, str]) -> str:
    return "".join(
        f'<use href="#{names[line]}" y="{top + row * ROW + 14}"/>' for row, line in enumerate(frame.lines) if line
    )
