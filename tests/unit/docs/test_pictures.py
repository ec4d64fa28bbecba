"""The recordings that the manual and README show are those of the script, and are well-formed."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from docs.tools.record import PLACE, SCRIPTS


@pytest.mark.parametrize("name", SCRIPTS)
def test_recording_shows_what_its_script_types(name: str) -> None:
    for file in (PLACE / f"{name}.svg", PLACE / f"{name}-still.svg"):
        picture = ET.parse(file)  # noqa: S314 (ours)
        assert picture.getroot().get("role") == "img"
    lines = ["".join(it.itertext()) for it in ET.parse(PLACE / f"{name}.svg").iter("{http://www.w3.org/2000/svg}text")]  # noqa: S314
    for typed in SCRIPTS[name].lines:
        # A line that is longer than the terminal goes on in the next one.
        assert any(typed[:60] in line for line in lines), typed
    assert not any("command not found" in line for line in lines)


def test_no_other_recordings_are_kept() -> None:
    assert {it.name for it in PLACE.iterdir()} == {f"{name}{kind}.svg" for name in SCRIPTS for kind in ("", "-still")}
