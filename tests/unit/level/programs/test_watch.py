"""The program `watch` on a directory of files and locks, and as a process with pipes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import pytest

from inception.level.programs.watch import Watched
from inception.linux import lifeline
from inception.plan.formats.mirroring import CaughtUp, Clocks, FileChange, LockChange, Report, read_report
from inception.plan.paths import RunDirectory

LIMIT_S = 10


@pytest.fixture
def paths(tmp_path: Path) -> RunDirectory:
    for number in range(2):
        (tmp_path / str(number)).mkdir()
    return RunDirectory(root=PurePosixPath(tmp_path))


def test_events_are_reported_as_they_are_appended(paths: RunDirectory) -> None:
    watched = Watched(paths)
    assert watched.events() is None
    with Path(paths.events).open("ab", buffering=0) as file:
        file.write(b"first\n")
        assert watched.events() == FileChange("events.jsonl", whole=True, data=b"first\n")
        file.write(b"second\n")
        shutil.rmtree(paths.root)
        assert watched.events() == FileChange("events.jsonl", whole=False, data=b"second\n")
    assert not watched.exists
    assert list(watched.locks_and_logs()) == []


def test_locks_are_reported_when_they_change(paths: RunDirectory) -> None:
    watched = Watched(paths)
    free = [LockChange("1/lifeline", held=False, ready=False), LockChange("1/alive", held=False, ready=False)]
    assert list(watched.locks_and_logs()) == free
    assert list(watched.locks_and_logs()) == []
    alive = lifeline.hold(Path(paths.alive(1)))
    assert list(watched.locks_and_logs()) == [LockChange("1/alive", held=True, ready=False)]
    lifeline.mark_ready(alive)
    assert list(watched.locks_and_logs()) == [LockChange("1/alive", held=True, ready=True)]
    shutil.rmtree(paths.level(1))
    assert list(watched.locks_and_logs()) == [LockChange("1/alive", held=False, ready=False)]
    os.close(alive)


def test_logs_are_reported_in_parts_and_whole_after_they_moved(paths: RunDirectory) -> None:
    watched = Watched(paths)
    log = Path(paths.log(1, "dockerd"))
    older = log.with_name("dockerd.log.1")
    list(watched.locks_and_logs())
    log.write_bytes(b"one\n")
    assert list(watched.locks_and_logs()) == [FileChange("1/dockerd.log", whole=True, data=b"one\n")]
    log.write_bytes(b"one\ntwo\n")
    assert list(watched.locks_and_logs()) == [FileChange("1/dockerd.log", whole=False, data=b"two\n")]
    older.write_bytes(b"one\ntwo\n")
    log.write_bytes(b"3\n")
    assert list(watched.locks_and_logs()) == [
        FileChange("1/dockerd.log.1", whole=True, data=b"one\ntwo\n"),
        FileChange("1/dockerd.log", whole=True, data=b"3\n"),
    ]
    assert list(watched.locks_and_logs()) == []


@contextmanager
def watching(what: str, paths: RunDirectory) -> Iterator[tuple[subprocess.Popen[bytes], Iterator[Report]]]:
    command = [sys.executable, "-m", "inception.level.programs.watch", what, str(paths.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield process, map(read_report, process.stdout)
        finally:
            process.kill()


def test_client_lifeline_is_held_until_the_input_ends_and_the_end_is_reported(paths: RunDirectory) -> None:
    with watching("hold", paths) as (process, reports):
        clocks = next(reports)
        assert isinstance(clocks, Clocks)
        assert abs(time.time() - clocks.time_s) < LIMIT_S
        assert 0 <= time.monotonic() - clocks.monotonic_s < LIMIT_S
        assert CaughtUp() in reports
        assert lifeline.is_held(Path(paths.lifeline(0)))
        assert process.stdin is not None
        process.stdin.close()
        deadline_s = time.monotonic() + LIMIT_S
        while lifeline.is_held(Path(paths.lifeline(0))):
            assert time.monotonic() < deadline_s
        Path(paths.events).write_bytes(b"unwound\n")
        assert next(reports) == FileChange("events.jsonl", whole=True, data=b"unwound\n")
        shutil.rmtree(paths.root)
        assert process.wait(LIMIT_S) == 0


def test_without_a_lifeline_the_end_of_input_ends_it(paths: RunDirectory) -> None:
    with watching("watch", paths) as (process, reports):
        assert CaughtUp() in reports
        assert not lifeline.is_held(Path(paths.lifeline(0)))
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(LIMIT_S) == 0


def test_lifeline_that_another_holds_is_an_error(paths: RunDirectory) -> None:
    lifeline.hold(Path(paths.lifeline(0)))
    with watching("hold", paths) as (process, reports):
        assert list(reports) == []
        assert process.wait(LIMIT_S) != 0
