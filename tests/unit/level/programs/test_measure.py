"""The measurement of a level: which processes belong to it, and which files are its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from inception.level.programs import measure as level_measure
from inception.plan.formats.codec import from_json, to_json
from inception.stress.report.record import LevelMeasure
from tests.factories.stress_reports import measure


def test_disk_is_the_level_s_own(tmp_path: Path) -> None:
    (tmp_path / "image").mkdir()
    (tmp_path / "image/file").write_bytes(os.urandom(100_000))
    alone = level_measure._usage(tmp_path)
    assert alone[0] >= 100_000
    assert alone[1] == 3
    below = tmp_path / "volumes/below/_data"
    below.mkdir(parents=True)
    (below / "file").write_bytes(os.urandom(1_000_000))
    assert level_measure._usage(tmp_path) == alone


def test_a_file_with_two_names_is_one_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(os.urandom(100_000))
    alone, _ = level_measure._usage(tmp_path)
    (tmp_path / "other").hardlink_to(tmp_path / "file")
    both, _ = level_measure._usage(tmp_path)
    assert both == pytest.approx(alone, abs=8192)


def test_processes_belong_to_a_level_by_their_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INCEPTION_CHAIN", "a-chain-of-this-test")
    monkeypatch.setenv("INCEPTION_LEVEL", "3")
    with subprocess.Popen(["sleep", "60"]) as ours:
        monkeypatch.setenv("INCEPTION_LEVEL", "4")
        with subprocess.Popen(["sleep", "60"]) as deeper:
            try:
                # The kernel shows a program's environment a moment after it has begun the program.
                while not all(Path(f"/proc/{it.pid}/environ").read_bytes() for it in (ours, deeper)):
                    time.sleep(0.01)
                assert [it.name for it in level_measure._processes()] == [str(deeper.pid)]
                monkeypatch.setenv("INCEPTION_LEVEL", "3")
                assert [it.name for it in level_measure._processes()] == [str(ours.pid)]
            finally:
                ours.kill()
                deeper.kill()


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("python3\0-S\0-m\0inception.level\x001\0", "runner"),
        ("python3\0-m\0inception.level.programs.measure\0", None),
        ("containerd\0--config\0/run/x\0", "containerd"),
        ("/usr/bin/containerd-shim-runc-v2\0-namespace\0moby\0", "containerd-shim"),
        ("tini\0-s\0--\0sh\0", "tini"),
        ("bash\0-l\0", None),
        ("", None),
    ],
)
def test_role_of_a_process_follows_its_command_line(tmp_path: Path, command: str, name: str | None) -> None:
    (tmp_path / "cmdline").write_text(command)
    assert level_measure._role(tmp_path) == name


def test_inherited_descriptors_are_counted(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    try:
        # A process that opens nothing itself, with one descriptor handed on to it.
        with subprocess.Popen(
            ["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, pass_fds=(reader,)
        ) as child:
            try:
                # What it echoes says that the loader has closed its libraries.
                assert child.stdin is not None
                assert child.stdout is not None
                child.stdin.write(b"\n")
                assert child.stdout.read(1) == b"\n"
                assert level_measure._inherited(Path("/proc") / str(child.pid)) == [reader]
            finally:
                child.kill()
    finally:
        os.close(reader)
        os.close(writer)
    assert level_measure._inherited(tmp_path / "gone") == []


def test_the_program_prints_what_the_report_reads() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "inception.level.programs.measure"],
        env={**os.environ, "INCEPTION_CHAIN": "none", "INCEPTION_LEVEL": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = from_json(LevelMeasure, done.stdout)
    assert found.mounts == len(Path("/proc/self/mountinfo").read_text().splitlines())
    assert found.pid_namespace == Path("/proc/self/ns/pid").stat().st_ino
    assert found.processes == ()
    assert found.links >= 1


def test_a_measure_survives_json() -> None:
    assert from_json(LevelMeasure, to_json(measure())) == measure()
