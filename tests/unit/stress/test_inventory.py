"""An inventory leaves out what it cannot read, says so, and compares the rest."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from inception.stress import inventory_readers as read
from inception.stress.inventory import Gap, Inventory, Thing, diff

LINK = Thing("link", "incep0")


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH of its own, on which a test puts its programs."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))
    return directory


def _program(directory: Path, name: str, script: str) -> None:
    (directory / name).write_text(f"#!/bin/sh\n{script}\n")
    (directory / name).chmod(0o755)


def test_rules_that_may_not_be_read_are_left_out(programs: Path) -> None:
    _program(programs, "iptables-save", "echo '*nat'; exit 4")
    _program(programs, "ip6tables-save", "echo '-A FORWARD -j DROP'")
    assert list(read.rules()) == [
        read.Unread(prefix="iptables: ", reason="iptables-save ended with status 4"),
        "ip6tables: -A FORWARD -j DROP",
    ]


@pytest.mark.usefixtures("programs")
def test_missing_program_leaves_out_what_it_would_read() -> None:
    (gap,) = (it for it in Inventory.take(None).gaps if it.kind == "route")
    assert gap.prefix == ""
    assert "'ip'" in gap.reason


def test_failing_program_leaves_out_what_it_would_read(programs: Path) -> None:
    _program(programs, "ip", "exit 255")
    (gap,) = (it for it in Inventory.take(None).gaps if it.kind == "route")
    assert "255" in gap.reason


def test_run_directory_of_another_user_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INCEPTION_RUN_ROOT", str(tmp_path))
    (tmp_path / "dream" / "1").mkdir(parents=True)
    (tmp_path / "private").mkdir()
    scandir = os.scandir

    def refuse(path: str) -> Iterator[os.DirEntry[str]]:
        if str(path).endswith("/private"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = list(read.run_directories())
    assert {it for it in found if isinstance(it, str)} == {f"{tmp_path}/{it}" for it in ("dream", "dream/1", "private")}
    assert read.Unread(prefix=f"{tmp_path}/private/", reason="permission denied") in found


def _process(proc: Path, number: str, name: str) -> Path:
    """Make up a process below `proc`; return its directory, in which it has no thread yet."""
    (proc / number / "task").mkdir(parents=True)
    (proc / number / "cmdline").write_text(f"{name}\0-x\0")
    (proc / number / "stat").write_text(f"{number} ({name}) S 1 " + " ".join(map(str, range(5, 40))))
    return proc / number


def _join(thread: Path, **namespaces: str) -> None:
    (thread / "ns").mkdir(parents=True)
    for name, namespace in namespaces.items():
        (thread / "ns" / name).symlink_to(f"{name}:[{namespace}]")


def test_process_with_a_thread_at_home_lives_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "PROC", tmp_path)
    _join(tmp_path / "self", pid="1", net="1")
    # Podman's service, whose first thread has entered a container's network for good.
    service = _process(tmp_path, "9001", "podman")
    _join(service, pid="1", net="2")
    _join(service / "task" / "9001", pid="1", net="2")
    (service / "task" / "9002").mkdir()  # It ended meanwhile.
    _join(service / "task" / "9003", pid="1", net="1")
    container = _process(tmp_path, "9004", "sleep")
    for thread in (container, container / "task" / "9004", container / "task" / "9005"):
        _join(thread, pid="2", net="2")
    (found,) = read.processes()
    assert str(found).startswith("9004 ")


def test_process_of_another_user_is_left_out_unless_its_program_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, name in (("9001", "sleep"), ("9002", "dockerd"), ("9003", "cat")):
        _process(tmp_path, number, name)
    monkeypatch.setattr(read, "PROC", tmp_path)

    def namespaces(process: Path) -> tuple[str, ...]:
        if process.name == "9001":
            raise PermissionError
        return ("other",) if process.name == "9003" else ("ours",)

    monkeypatch.setattr(read, "_namespaces", namespaces)
    found = list(read.processes())
    assert sorted(it.split()[0] for it in found if isinstance(it, str)) == ["9002", "9003"]
    (unread,) = (it for it in found if isinstance(it, read.Unread))
    assert unread.prefix is None


def test_gap_on_either_side_is_not_compared() -> None:
    gap = Gap("rule", "iptables: ", "status 4")
    rule, other = Thing("rule", "iptables: -A"), Thing("rule", "ip6tables: -A")
    full, partial = Inventory(frozenset({rule, other, LINK})), Inventory(frozenset(), frozenset({gap}))
    assert diff(partial, full) == [f"left behind: {LINK}", f"left behind: {other}"]
    assert diff(full, partial) == [f"gone: {LINK}", f"gone: {other}"]
    assert diff(full, full) == []


def test_what_is_kept_in_the_state_directory_is_not_listed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("INCEPTION_STATE_DIR", str(tmp_path))
    for kept in ("byte-code.lock", "endpoint.key", "byte-code/1/inception/__pycache__/a.pyc", "engine/dockerd.log"):
        (tmp_path / kept).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / kept).touch()
    (tmp_path / "stopped-dream.json").touch()
    assert list(read.state_entries(None)) == [str(tmp_path / "stopped-dream.json")]
