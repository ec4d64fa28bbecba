from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

from docs.tools.drawings import PHASES, write_drawings
from inception.plan.events import Phase


def test_steps_are_the_phases_on_the_way_down() -> None:
    assert [name for name, _ in PHASES] == [it.value for it in Phase if it is not Phase.UNWIND]


def test_drawings_are_well_formed_and_name_each_level(tmp_path: Path) -> None:
    write_drawings(tmp_path)
    words = {
        file.stem: {it.text for it in ET.parse(file).iter("{http://www.w3.org/2000/svg}text")}  # noqa: S314 (ours)
        for file in tmp_path.iterdir()
    }
    assert {"host, level 0", "level 1", "level 2", "level 3", "runner"} <= words["nested"]
    assert {name for name, _ in PHASES} <= words["steps"]
