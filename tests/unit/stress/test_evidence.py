"""Test what a campaign reads of the host when a level fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from inception.stress import evidence
from inception.stress.evidence import read_evidence


@pytest.mark.parametrize(
    "group",
    ["docker/1234", "system.slice/docker-1234.scope", "libpod_parent/libpod-1234", "machine.slice/libpod-1234.scope"],
)
def test_control_group_of_level_1_is_found_whatever_engine_made_it(
    group: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    line = f"30 24 0:26 / {tmp_path}/groups rw,nosuid - cgroup cgroup rw,pids"
    (tmp_path / "proc/self/mountinfo").write_text(f"{line}\n")
    (tmp_path / "groups" / group).mkdir(parents=True)
    (tmp_path / "groups" / group / "pids.max").write_text("512\n")
    monkeypatch.setattr(evidence, "PROC", tmp_path / "proc")
    (found,) = read_evidence((), "1234").cgroups
    assert found.values == {"pids.max": 512}
