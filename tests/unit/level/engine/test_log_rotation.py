from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import BinaryIO

import pytest

from inception.level.engine import log_rotation
from inception.level.engine.log_rotation import rotate
from inception.level.event_log import tail
from inception.plan.paths import previous_log


def test_log_within_its_limit_stays_as_it_is(tmp_path: Path) -> None:
    log = tmp_path / "dockerd.log"
    log.write_text("one\n")
    rotate(log, limit=4)
    assert log.read_text() == "one\n"
    assert not previous_log(log).exists()


def test_missing_log_is_passed_over(tmp_path: Path) -> None:
    rotate(tmp_path / "dockerd.log", limit=4)
    assert not list(tmp_path.iterdir())


def test_writer_goes_on_at_the_beginning_of_a_rotated_log(tmp_path: Path) -> None:
    log = tmp_path / "dockerd.log"
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, b"one\ntwo\n")
    rotate(log, limit=4)
    os.write(descriptor, b"three\n")
    os.close(descriptor)
    assert previous_log(log).read_text() == "one\ntwo\n"
    assert log.read_text() == "three\n"
    assert previous_log(log).stat().st_mode & 0o777 == 0o600


def test_both_parts_stay_within_their_limits_and_hold_the_newest_lines(tmp_path: Path) -> None:
    log, limit = tmp_path / "containerd.log", 4096
    for number in range(5000):
        with log.open("a") as file:
            file.write(f"line {number}\n")
        if number % 10 == 0:
            rotate(log, limit=limit)
        assert log.stat().st_size <= limit + 10 * len("line 4999\n")
    kept = (previous_log(log).read_text() + log.read_text()).splitlines()
    assert kept == [f"line {number}" for number in range(5000 - len(kept), 5000)]
    assert limit < sum(len(line) + 1 for line in kept) <= 2 * limit + 100


def test_only_the_newest_whole_lines_of_a_burst_are_kept(tmp_path: Path) -> None:
    log = tmp_path / "dockerd.log"
    log.write_text("".join(f"line {number:4}\n" for number in range(1000)))
    rotate(log, limit=100)
    assert previous_log(log).read_text() == "".join(f"line {number:4}\n" for number in range(980, 1000))


def test_log_is_emptied_where_no_copy_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "dockerd.log"
    log.write_text("one\ntwo\n")

    def refuse(*_: object) -> BinaryIO:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(log_rotation, "_copy", refuse)
    rotate(log, limit=4)
    assert log.read_bytes() == b""


def test_tail_goes_back_into_the_previous_log(tmp_path: Path) -> None:
    log = tmp_path / "dockerd.log"
    previous_log(log).write_text("panic: why\nthread 1\n")
    log.write_text("thread 2\n")
    assert tail(log) == ("panic: why", "thread 1", "thread 2")
