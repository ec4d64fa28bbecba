from __future__ import annotations

from pathlib import Path

import pytest

from inception.probe.machine import (
    parse_bounding_set,
    parse_memory_available,
    parse_open_files_maximum,
    parse_tasks,
    read_free_space,
    read_memory_available,
    read_open_files_limit,
    read_tasks_free,
)
from inception.probe.pids import levels_below, parse_depth

STATUS = """\
Name:	dockerd
Pid:	2408
NSpid:	2408	17	1
CapInh:	0000000000000000
CapBnd:	000001fffeffffff
"""

LIMITS = """\
Limit                     Soft Limit           Hard Limit           Units     
Max processes             unlimited            unlimited            processes 
Max open files            1024                 20000                files     
"""  # noqa: W291 (as the kernel writes it)


def test_bounding_set() -> None:
    assert parse_bounding_set(STATUS) == 0x1FFFEFFFFFF


def test_open_files_maximum_is_the_hard_limit() -> None:
    assert parse_open_files_maximum(LIMITS) == 20000


def test_open_files_limit_is_the_kernels_where_the_engine_may_raise_its_own(tmp_path: Path) -> None:
    (tmp_path / "limits").write_text(LIMITS)
    assert read_open_files_limit(tmp_path, may_raise=False) == 20000
    assert read_open_files_limit(tmp_path, may_raise=True) == int(Path("/proc/sys/fs/nr_open").read_text())


def test_memory_available() -> None:
    assert parse_memory_available("MemTotal:  5 kB\nMemAvailable:    3072 kB\nBuffers: 1 kB\n") == 3 << 20


def test_meminfo_without_memavailable_is_an_error() -> None:
    with pytest.raises(ValueError, match="MemAvailable"):
        parse_memory_available("MemTotal:  5 kB\n")


@pytest.mark.parametrize(
    ("limit", "usage"),
    [
        ("sys/fs/cgroup/memory/memory.limit_in_bytes", "sys/fs/cgroup/memory/memory.usage_in_bytes"),
        ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory.current"),
    ],
)
def test_memory_is_what_the_control_group_leaves(tmp_path: Path, limit: str, usage: str) -> None:
    (tmp_path / limit).parent.mkdir(parents=True)
    (tmp_path / limit).write_text("1000000\n")
    (tmp_path / usage).write_text("400000\n")
    assert read_memory_available(tmp_path) == 600000


@pytest.mark.parametrize("limit", ["max", "9223372036854771712"])
def test_an_unlimited_control_group_leaves_what_the_machine_has(tmp_path: Path, limit: str) -> None:
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/memory.max").write_text(limit)
    (tmp_path / "sys/fs/cgroup/memory.current").write_text("400000\n")
    total = int(Path("/proc/meminfo").read_text().split()[1]) * 1024
    assert 600000 < read_memory_available(tmp_path) <= total


def test_a_full_control_group_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/memory.max").write_text("1000")
    (tmp_path / "sys/fs/cgroup/memory.current").write_text("4000")
    assert read_memory_available(tmp_path) == 0


def test_free_space_of_a_real_directory(tmp_path: Path) -> None:
    space = read_free_space(tmp_path)
    assert space.bytes > 0
    assert space.inodes is None or space.inodes > 0


def test_pid_namespaces_of_a_process() -> None:
    assert parse_depth(STATUS) == 3
    assert parse_depth("NSpid:\t7\n") == 1


def test_a_process_two_namespaces_below(tmp_path: Path) -> None:
    ours = parse_depth(Path("/proc/self/status").read_text())
    (tmp_path / "status").write_text("NSpid:" + "\t1" * (ours + 2) + "\n")
    assert levels_below(tmp_path) == 2
    assert levels_below(Path("/proc/self")) == 0


def test_tasks() -> None:
    assert parse_tasks("0.20 0.18 0.12 1/1180 11206\n") == 1180


@pytest.mark.parametrize("group", ["sys/fs/cgroup/pids", "sys/fs/cgroup"])
def test_tasks_are_what_the_control_group_leaves(tmp_path: Path, group: str) -> None:
    (tmp_path / group).mkdir(parents=True)
    (tmp_path / group / "pids.max").write_text("100\n")
    (tmp_path / group / "pids.current").write_text("40\n")
    assert read_tasks_free(tmp_path) == 60


def test_tasks_are_what_the_kernel_leaves(tmp_path: Path) -> None:
    pid_max = int(Path("/proc/sys/kernel/pid_max").read_text())
    assert 0 < read_tasks_free(tmp_path) < pid_max
