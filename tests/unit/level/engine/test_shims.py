from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from inception.level.engine import shims
from inception.level.engine.shims import kill_shims

Start = Callable[[str], "subprocess.Popen[str]"]
_PROGRAM = """
import sys, time
from pathlib import Path
Path("/proc/self/comm").write_text(sys.argv[1])
print(flush=True)
time.sleep(60)
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a process with a name, in a working directory of its own."""
    started: list[subprocess.Popen[str]] = []

    def start(name: str) -> subprocess.Popen[str]:
        (tmp_path / name).mkdir()
        command = [sys.executable, "-c", _PROGRAM, name]
        process = subprocess.Popen(command, cwd=tmp_path / name, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        process.stdout.readline()
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """File with the members of the group that counts as this process's own."""
    group = tmp_path / "own"
    group.mkdir()
    monkeypatch.setattr(shims, "own_group", lambda: group)
    monkeypatch.setattr(shims, "freezer_group", lambda path: tmp_path / "freezer" / path.lstrip("/"))
    return group / "cgroup.procs"


def _freeze_container_of(bundle: Path, freezer: Path) -> Path:
    (bundle / "config.json").write_text(json.dumps({"linux": {"cgroupsPath": "/docker/child"}}))
    state = freezer / "docker/child/freezer.state"
    state.parent.mkdir(parents=True)
    state.write_text("FROZEN\n")
    return state


def test_shims_and_runcs_are_killed_and_others_are_not(members: Path, start: Start) -> None:
    shim, runc, tini = start("containerd-shim"), start("runc"), start("tini")
    members.write_text(f"{tini.pid}\n{shim.pid}\n{runc.pid}\n")
    kill_shims()
    assert (shim.wait(5), runc.wait(5), tini.poll()) == (-9, -9, None)


def test_what_a_runc_has_frozen_is_thawed(members: Path, start: Start, tmp_path: Path) -> None:
    shim = start("containerd-shim")
    state = _freeze_container_of(tmp_path / "containerd-shim", tmp_path / "freezer")
    members.write_text(f"{shim.pid}\n")
    kill_shims()
    assert state.read_text() == "THAWED"


def test_a_process_that_has_ended_and_a_shim_without_a_bundle_are_passed_over(members: Path, start: Start) -> None:
    ended, shim = subprocess.Popen(["true"]), start("containerd-shim")
    ended.wait()
    members.write_text(f"{ended.pid}\n{shim.pid}\n")
    kill_shims()
    assert shim.wait(5) == -9
