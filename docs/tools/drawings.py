"""Draw the figures of the manual as SVG, readable on a light and on a dark page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

_STYLE = """
text { font: 14px system-ui, sans-serif; fill: #24292f }
.small { font-size: 12px; fill: #57606a }
.level { fill: #0969da; fill-opacity: .07; stroke: #0969da; stroke-width: 1.5 }
.part { fill: #fff; stroke: #57606a }
.run { fill: #bf8700; fill-opacity: .12; stroke: #bf8700; stroke-width: 1.5 }
.line { stroke: #bf8700; stroke-width: 1.5; stroke-dasharray: 4 3; fill: none }
.arrow { stroke: #57606a; stroke-width: 1.5; fill: none }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .small { fill: #9da7b3 } .part { fill: #161b22 }
}
"""
_LEVELS = 3
_INDENT = 120
_IN_A_ROW = 4
PHASES = (
    ("create", "by the engine above"),
    ("start", "by the engine above"),
    ("prepare", "cgroups, mounts"),
    ("image", "graft the layers"),
    ("containerd", "starts"),
    ("dockerd", "starts on it"),
    ("verify", "the image is known"),
    ("ready", "the next level"),
)
"""Phases of a level on its way down, each with what goes on in it."""


def write_drawings(directory: Path) -> None:
    """Write `nested.svg` and `steps.svg` into `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, (width, height, parts) in {"nested": _nested(), "steps": _steps()}.items():
        text = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">'
            f"<style>{_STYLE}</style>\n" + "\n".join(parts) + "\n</svg>\n"
        )
        (directory / f"{name}.svg").write_text(text, encoding="utf-8")


def _nested() -> tuple[int, int, list[str]]:
    """Return the boxes of the host and the levels inside one another, with the run directory beside them."""
    width, height = 720, 340
    parts = [_box(1, 1, width - 2, height - 2, "part"), _text(16, 26, "host, level 0"), *_part(16, 44, "dockerd")]
    for number in range(1, _LEVELS + 1):
        x, y = 16 + _INDENT * number, 20 + 30 * number
        parts += [_box(x, y, width - 16 - 24 * number - x + 8, 250 - 40 * number, "level")]
        parts += [_text(x + 12, y + 24, f"level {number}")]
        for at, program in enumerate(("runner", "containerd", "dockerd")):
            parts += _part(x + 12, y + 36 + 26 * at, program)
    parts += [_box(16, 282, width - 32, 42, "run")]
    parts += [_text(28, 308, "run directory, at the same path everywhere: plan, events, locks, sockets, logs, program")]
    ends = [200 + 52, 200 + 42, 200 + 32]
    parts += [f'<path class="line" d="M{150 + _INDENT * k} {end - 12}V282"/>' for k, end in enumerate(ends)]
    return width, height, parts


def _steps() -> tuple[int, int, list[str]]:
    """Return the phases of a level in a row, from its creation to the next level."""
    step, width = 160, 160 * _IN_A_ROW
    parts: list[str] = []
    for at, (name, what) in enumerate(PHASES):
        x, y = 8 + step * (at % _IN_A_ROW), 8 + 84 * (at // _IN_A_ROW)
        parts += [_box(x, y, step - 18, 54, "level"), _text(x + 8, y + 23, name)]
        parts += [f'<text class="small" x="{x + 8}" y="{y + 42}">{what}</text>']
        if (at + 1) % _IN_A_ROW:
            parts += [f'<path class="arrow" d="M{x + step - 17} {y + 27}h14m-5 -4l5 4l-5 4"/>']
    parts += [f'<path class="arrow" d="M{8 + step * 3 + 47} 63v12H55v14m-4 -5l4 5l4 -5"/>']
    return width, 156, parts


def _part(x: int, y: int, name: str) -> Iterator[str]:
    yield _box(x, y, 92, 22, "part")
    yield f'<text class="small" x="{x + 8}" y="{y + 15}">{escape(name)}</text>'


def _box(x: int, y: int, width: int, height: int, kind: str) -> str:
    return f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="6"/>'


def _text(x: int, y: int, text: str) -> str:
    return f'<text x="{x}" y="{y}">{escape(text)}</text>'
