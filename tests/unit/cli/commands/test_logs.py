from __future__ import annotations

from pathlib import Path

from inception.cli.commands.logs import LogTail
from inception.level.engine.log_rotation import rotate
from inception.plan.paths import previous_log


def _append(log: Path, text: str) -> None:
    with log.open("a") as file:
        file.write(text)


def test_previous_log_is_printed_first(tmp_path: Path) -> None:
    log = tmp_path / "dockerd.log"
    previous_log(log).write_text("old\n")
    log.write_text("new\n")
    assert LogTail("2 dockerd", log).lines() == ["2 dockerd: old", "2 dockerd: new"]


def test_no_line_is_lost_or_repeated_when_a_log_is_rotated(tmp_path: Path) -> None:
    log = tmp_path / "dockerd.log"
    log.write_text("one\n")
    tail = LogTail("2", log)
    assert tail.lines() == ["2: one"]
    _append(log, "two\n")
    rotate(log, limit=4)
    assert tail.lines() == ["2: two"]
    _append(log, "three\nfo")
    assert tail.lines() == ["2: three"]
    _append(log, "ur\n")
    rotate(log, limit=4)
    _append(log, "five\n")
    assert tail.lines() == ["2: four", "2: five"]
    assert tail.lines() == []


def test_missing_log_has_no_lines(tmp_path: Path) -> None:
    assert LogTail("2", tmp_path / "dockerd.log").lines() == []
