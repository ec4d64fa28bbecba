from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from inception.linux.cgroups import delegate_controllers, plan_mounts, take_namespace
from inception.linux.mounts import RemountCgroup, RemountWritable, parse_mountinfo
from inception.plan.chain import CgroupNamespace

V1 = """\
77 76 0:46 / /sys/fs/cgroup rw,nosuid - tmpfs tmpfs rw,mode=755
78 77 0:29 / /sys/fs/cgroup/cpu,cpuacct ro,nosuid,relatime - cgroup cgroup rw,cpu,cpuacct
86 77 0:37 / /sys/fs/cgroup/systemd ro,nosuid - cgroup systemd rw,xattr,name=systemd,release_agent=/lib/agent
"""
HYBRID = V1 + "87 77 0:38 / /sys/fs/cgroup/unified ro - cgroup2 cgroup2 rw,nsdelegate\n"
V2 = "77 76 0:29 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup rw,nsdelegate\n"


def test_hierarchies_of_a_private_namespace_are_made_writable() -> None:
    mounts = plan_mounts(CgroupNamespace.PRIVATE, parse_mountinfo(HYBRID))
    assert mounts == (
        RemountWritable(target=Path("/sys/fs/cgroup/cpu,cpuacct")),
        RemountWritable(target=Path("/sys/fs/cgroup/systemd")),
        RemountWritable(target=Path("/sys/fs/cgroup/unified")),
    )


def test_a_shared_namespace_has_its_v1_hierarchies_mounted_anew_by_name() -> None:
    mounts = plan_mounts(CgroupNamespace.SHARED, parse_mountinfo(V1))
    assert mounts == (
        RemountCgroup(target=Path("/sys/fs/cgroup/cpu,cpuacct"), filesystem="cgroup", options="cpu,cpuacct"),
        RemountCgroup(target=Path("/sys/fs/cgroup/systemd"), filesystem="cgroup", options="none,name=systemd"),
    )


def test_a_shared_namespace_has_its_v2_hierarchy_mounted_anew() -> None:
    (mount,) = plan_mounts(CgroupNamespace.SHARED, parse_mountinfo(V2))
    assert mount == RemountCgroup(target=Path("/sys/fs/cgroup"), filesystem="cgroup2")
    assert mount.describe() == "umount -l /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup"


def test_a_mount_point_with_a_space_is_read_whole() -> None:
    (mount,) = parse_mountinfo(r"1 0 0:1 / /a\040b rw - tmpfs tmpfs rw")
    assert mount.target == Path("/a b")


@pytest.mark.parametrize("membership", ["9:name=systemd:/\n8:pids:/\n0::/\n", "0::/\n"])
def test_no_namespace_is_entered_at_the_root_of_one(membership: str) -> None:
    assert not take_namespace(membership)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may enter a cgroup namespace of its own")
def test_a_namespace_is_entered_inside_that_of_another() -> None:
    program = (
        "import os; from inception.linux.cgroups import take_namespace; before = os.readlink('/proc/self/ns/cgroup');"
        "assert take_namespace('8:pids:/libpod_parent/libpod-1\\n0::/\\n');"
        "assert os.readlink('/proc/self/ns/cgroup') != before"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_controllers_are_delegated_once_the_root_is_empty(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory\n")
    (tmp_path / "cgroup.procs").write_text("1\n7\n")
    (tmp_path / "cgroup.subtree_control").touch()
    delegate_controllers(tmp_path)
    assert (tmp_path / "inception" / "cgroup.procs").read_text() == "7"  # a plain file keeps the last process written
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+cpu +memory"


def test_v1_has_no_controllers_to_delegate(tmp_path: Path) -> None:
    delegate_controllers(tmp_path)
    assert list(tmp_path.iterdir()) == []
