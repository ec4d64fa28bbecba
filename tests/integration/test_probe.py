"""What is read of this machine by really doing it: namespaces nested, an overlay mounted."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from inception.probe import scripts
from inception.probe.overlay import trying_overlay, worked
from inception.probe.pids import nested, nesting_pids

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root makes namespaces and mounts"),
]

NEST = Path(scripts.__file__).with_name("nest_pids.py")
OURSELVES = Path("/proc/self")


def _nested() -> int:
    with nesting_pids() as trial:
        depth = nested(trial)
    assert depth is not None
    return depth


def test_each_pid_namespace_around_us_takes_one() -> None:
    free = _nested()
    assert 1 < free <= 32
    inside = subprocess.run(
        ["unshare", "--pid", "--fork", "unshare", "--pid", "--fork", sys.executable, "-I", "-S", NEST],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(inside.stdout.split()[0]) == free - 2


def test_nesting_leaves_no_process() -> None:
    def processes() -> set[str]:
        return {entry.name for entry in Path("/proc").iterdir() if entry.name.isdecimal() and _is_nester(entry)}

    _nested()
    assert processes() == set()


def _is_nester(process: Path) -> bool:
    try:
        return NEST.name.encode() in (process / "cmdline").read_bytes()
    except OSError:
        return False


def test_one_who_may_make_none_is_told_from_a_kernel_that_has_none_left(monkeypatch: pytest.MonkeyPatch) -> None:
    without = ["setpriv", "--bounding-set", "-sys_admin", sys.executable, "-I", "-S", str(NEST)]
    denied = subprocess.run(without, capture_output=True, text=True, check=True)
    monkeypatch.setattr(scripts, "answer", lambda _: denied.stdout)
    with subprocess.Popen(["true"], text=True) as unused:
        assert nested(unused) is None
        monkeypatch.setattr(scripts, "answer", lambda _: f"0 {errno.ENOSPC}")
        assert nested(unused) == 0


def _carries(directory: Path) -> bool:
    with trying_overlay(str(directory), OURSELVES) as trial:
        assert trial is not None
        return worked(trial)


def test_an_overlay_is_not_carried_by_another(tmp_path: Path) -> None:
    for name in ("lower", "upper", "work", "merged"):
        (tmp_path / name).mkdir()
    options = f"lowerdir={tmp_path}/lower,upperdir={tmp_path}/upper,workdir={tmp_path}/work"
    merged = tmp_path / "merged"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, merged], check=True)
    try:
        assert not _carries(merged)
        assert list(merged.iterdir()) == []
    finally:
        subprocess.run(["umount", merged], check=True)


def test_a_tmpfs_carries_an_overlay_and_nothing_is_left_there(tmp_path: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", tmp_path], check=True)
    try:
        before = Path("/proc/self/mountinfo").read_text()
        assert _carries(tmp_path)
        assert list(tmp_path.iterdir()) == []
        assert Path("/proc/self/mountinfo").read_text() == before
    finally:
        subprocess.run(["umount", tmp_path], check=True)
