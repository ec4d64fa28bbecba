from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from docs.tools.screen import Frame, Line, Run, animated, runs, still

HREF = "{http://www.w3.org/2000/svg}use"
FIRST: Line = (Run(0, "# "),)
SECOND: Line = (Run(0, "# ls <here>", "green", bold=True),)
FRAMES = [
    Frame(at_s=0.0, lines=(FIRST, ())),
    Frame(at_s=1.0, lines=(SECOND, FIRST)),
    Frame(at_s=2.0, lines=(SECOND, SECOND)),
]


def test_cells_of_one_look_are_one_run_and_spaces_at_the_end_go() -> None:
    cells = [*(("a", "red", False),) * 2, ("b", "default", True), *((" ", "default", False),) * 3]
    assert runs(cells) == (Run(0, "aa", "red"), Run(2, "b", bold=True))


def test_a_line_that_comes_again_is_drawn_once() -> None:
    text = animated(FRAMES, 20, 2, pause_s=2.0)
    assert text.count("ls &lt;here&gt;") == 1
    assert len(list(ET.fromstring(text).iter(HREF))) == 5  # noqa: S314 (ours)


def test_each_frame_is_shown_in_its_time_and_the_last_one_without_motion() -> None:
    text = animated(FRAMES, 20, 2, pause_s=2.0)
    assert re.findall(r"([\d.]+)% \{ transform: translateY\((-?\d+)px\) \}", text) == [
        ("0.000", "0"),
        ("25.000", "-38"),
        ("50.000", "-76"),
        ("100", "-76"),
    ]
    assert "prefers-reduced-motion: reduce) { .play { animation: none; transform: translateY(-76px) } }" in text


def test_a_still_has_no_animation() -> None:
    text = still(FRAMES[-1], 20, 2)
    assert "keyframes" not in text
    assert len(list(ET.fromstring(text).iter(HREF))) == 2  # noqa: S314 (ours)
