from __future__ import annotations

import os
import time
from pathlib import Path, PurePosixPath

import pytest

from inception.level.event_log import EventLog, tail
from inception.level.failure import LevelFailure, PhaseError, explain
from inception.level.shutdown import EndOfLevel
from inception.plan.events import Event, Phase, State
from inception.plan.paths import RunDirectory


@pytest.fixture
def paths(tmp_path: Path) -> RunDirectory:
    (tmp_path / "2").mkdir()
    return RunDirectory(root=PurePosixPath(tmp_path))


def _events(paths: RunDirectory) -> list[Event]:
    return [Event.from_line(line) for line in Path(paths.events).read_text().splitlines()]


def test_a_phase_begins_and_ends_with_its_seconds(paths: RunDirectory) -> None:
    with EventLog(paths, 2).phase(Phase.DOCKERD):
        pass
    begin, end = _events(paths)
    assert (begin.level, begin.phase, begin.state, begin.seconds) == (2, Phase.DOCKERD, State.BEGIN, None)
    assert end.state is State.END
    assert end.seconds is not None
    assert 0 <= end.seconds < 1


def test_a_phase_within_another_ends_before_it_though_a_write_was_slow(
    paths: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def slow(descriptor: int, line: bytes) -> int:
        if b'"ready"' in line and b'"begin"' in line:
            time.sleep(0.02)
        return write(descriptor, line)

    monkeypatch.setattr(os, "write", slow)
    log = EventLog(paths, 2)
    with log.phase(Phase.READY), log.phase(Phase.VERIFY):
        pass
    ready, verify, verified, done = _events(paths)
    assert verify.monotonic_s + (verified.seconds or 0) <= ready.monotonic_s + (done.seconds or 0)


def test_a_failed_phase_is_reported_once_with_remedy_and_log(paths: RunDirectory) -> None:
    Path(paths.log(2, "dockerd")).write_text("one\ntwo\n")
    log = EventLog(paths, 2)
    with (
        pytest.raises(LevelFailure),
        log.phase(Phase.DOCKERD, log="dockerd"),
        log.phase(Phase.IMAGE, log="dockerd"),
    ):
        raise PhaseError("it broke", remedy="mend it")
    (failure,) = [event for event in _events(paths) if event.state is State.FAIL]
    assert (failure.phase, failure.message, failure.remedy) == (Phase.IMAGE, "it broke", "mend it")
    assert failure.log_tail == ("one", "two")


def test_the_end_of_a_level_is_no_failure(paths: RunDirectory) -> None:
    with pytest.raises(EndOfLevel), EventLog(paths, 2).phase(Phase.DOCKERD):
        raise EndOfLevel("the client is gone")
    assert [event.state for event in _events(paths)] == [State.BEGIN]


@pytest.fixture
def full(paths: RunDirectory) -> EventLog:
    """Appends to a disk without room."""
    log = EventLog(paths, 2)
    with Path("/dev/full").open("wb") as device:
        os.dup2(device.fileno(), log._descriptor)
    return log


def test_a_phase_whose_begin_cannot_be_written_fails(full: EventLog) -> None:
    with pytest.raises(LevelFailure, match="No space left"), full.phase(Phase.DOCKERD):
        raise AssertionError("it went on")
    assert full.unreported
    assert (full.unreported.level, full.unreported.phase, full.unreported.state) == (2, Phase.DOCKERD, State.FAIL)
    assert "nothing can be written to" in (full.unreported.message or "")


def test_a_failure_that_cannot_be_written_is_kept_and_unwinding_goes_on(full: EventLog) -> None:
    full.write(Phase.DOCKERD, State.FAIL, message="dockerd ended with status 1")
    full.note(Phase.DOCKERD, "by the way")
    with full.phase(Phase.UNWIND):
        pass
    assert full.unreported
    assert full.unreported.message == "dockerd ended with status 1"


def test_a_line_that_is_written_in_part_fails(paths: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    log = EventLog(paths, 2)
    monkeypatch.setattr(os, "write", lambda _descriptor, line: len(line) - 1)
    with pytest.raises(LevelFailure, match="No space left"):
        log.write(Phase.DOCKERD, State.BEGIN)


def test_a_log_tail_is_bounded_and_takes_any_bytes(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"\xff\n" * 50)
    assert len(tail(log)) == 12
    assert tail(tmp_path / "missing") == ()


def test_a_log_tail_of_a_wrong_option_ends_before_the_list_of_all_options(tmp_path: Path) -> None:
    log = tmp_path / "log"
    why = ("Status: unknown flag: --nonesuch", "See 'dockerd --help'.", "")
    log.write_text("\n".join((*why, "Usage:\tdockerd [OPTIONS]", "", "Options:", *("      --flag" for _ in range(40)))))
    assert tail(log) == why


def test_a_log_tail_of_a_crash_in_go_begins_with_its_reason(tmp_path: Path) -> None:
    log = tmp_path / "log"
    why = "runtime: failed to create new OS thread (have 4 already; errno=11)"
    log.write_text("\n".join(("starting", why, "fatal error: newosproc", *(f"r{number} 0x0" for number in range(40)))))
    assert tail(log)[:2] == (why, "fatal error: newosproc")
    assert len(tail(log)) == 12


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (OSError(28, os.strerror(28)), "disk space"),
        (RuntimeError("OCI runtime: can't get final child's PID from pipe: EOF"), "32 PID namespaces"),
        (RuntimeError("write /x: no space left on device"), "disk space"),
        (PhaseError("no", remedy="yes"), "yes"),
    ],
)
def test_known_reasons_come_with_a_remedy(error: Exception, remedy: str) -> None:
    reason, known = explain(error)
    assert "\n" not in reason
    assert known is not None
    assert remedy in known


def test_an_unknown_reason_is_one_line() -> None:
    assert explain(RuntimeError("a\n  b")) == ("a b", None)
    assert explain(RuntimeError()) == ("RuntimeError", None)
