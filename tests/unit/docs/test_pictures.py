"""The recordings that the manual and README show are those of the script, and are well-formed."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from docs.tools import record
from docs.tools.record import ERROR, PLACE, SCRIPTS
from docs.tools.screen import Frame, Run


@pytest.mark.parametrize("name", SCRIPTS)
def test_recording_shows_what_its_script_types(name: str) -> None:
    for file in (PLACE / f"{name}.svg", PLACE / f"{name}-still.svg"):
        picture = ET.parse(file)  # noqa: S314 (ours)
        assert picture.getroot().get("role") == "img"
    lines = ["".join(it.itertext()) for it in ET.parse(PLACE / f"{name}.svg").iter("{http://www.w3.org/2000/svg}text")]  # noqa: S314
    for typed in SCRIPTS[name].lines:
        # A line that is longer than the terminal goes on in the next one.
        assert any(typed[:60] in line for line in lines), typed
    assert not any("command not found" in line or ERROR in line for line in lines)


def test_a_run_that_failed_is_not_recorded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    failed = Frame(at_s=1.0, lines=runs_of("# inception --depth 4", "inception: error: level 1 failed"))
    after = Frame(at_s=2.0, lines=runs_of("# exit"))
    monkeypatch.setattr(record, "PLACE", tmp_path)
    monkeypatch.setattr(record, "record", lambda _: [failed, after])
    with pytest.raises(SystemExit, match="descent: inception: error: level 1 failed"):
        record.main(["descent"])
    assert not list(tmp_path.iterdir())


def runs_of(*lines: str) -> tuple[tuple[Run, ...], ...]:
    return tuple((Run(0, line),) for line in lines)


def test_no_other_recordings_are_kept() -> None:
    assert {it.name for it in PLACE.iterdir()} == {f"{name}{kind}.svg" for name in SCRIPTS for kind in ("", "-still")}
