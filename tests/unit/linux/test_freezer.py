from __future__ import annotations

from pathlib import Path

import pytest

from inception.linux.freezer import freezer_group, own_group, thaw

_V1 = "7:freezer:/docker/me\n6:cpu,cpuacct:/docker/me\n1:name=systemd:/\n"


@pytest.mark.parametrize(
    ("membership", "group"),
    [
        (_V1, "freezer/docker/me"),
        (f"{_V1}0::/docker/me\n", "freezer/docker/me"),
        ("0::/docker/me\n", "docker/me"),
        ("0::/\n", ""),
        ("1:name=systemd:/\n0::/docker/me\n", "unified/docker/me"),
    ],
)
def test_the_own_group_is_the_freezers_or_that_of_v2(tmp_path: Path, membership: str, group: str) -> None:
    mine = tmp_path / "mine"
    mine.write_text(membership)
    hierarchies = tmp_path / "cgroup"
    (hierarchies / group).mkdir(parents=True)
    (hierarchies / group / "cgroup.procs").touch()
    assert own_group(hierarchies, mine) == hierarchies / group


def test_an_own_group_that_is_not_mounted_is_an_error_that_names_the_place(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text(_V1)
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        own_group(tmp_path, mine)


@pytest.mark.parametrize("state", ["FROZEN", "FREEZING", "THAWED"])
def test_a_group_is_thawed(tmp_path: Path, state: str) -> None:
    group = freezer_group("/docker/child", tmp_path)
    group.mkdir(parents=True)
    (group / "freezer.state").write_text(f"{state}\n")
    thaw(group)
    assert (group / "freezer.state").read_text().strip() == "THAWED"


def test_a_group_without_a_freezer_is_left_as_it_is(tmp_path: Path) -> None:
    thaw(tmp_path)
    assert list(tmp_path.iterdir()) == []
