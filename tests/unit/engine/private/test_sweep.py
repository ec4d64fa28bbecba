"""What sweeping up is made of: finding processes, ending them, removing control groups, undoing changes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from inception.engine.private import cgroups, host, processes
from inception.engine.private.host import HostChanges, intended_changes
from inception.engine.private.network import rules
from inception.errors import EngineError

CHANGES = HostChanges(
    tag="incep01234567", address="10.204.0.1/30", forwarding=True, directories=("/run/x",), boot="this"
)
HYBRID = """\
78 77 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
87 77 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate
90 1 8:1 / / rw - ext4 /dev/vda rw
"""


def sleeper(*words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", *words])


def test_a_process_is_found_by_a_whole_argument(tmp_path: Path) -> None:
    path = tmp_path / "daemon.json"
    ours, other = sleeper("--config-file", str(path)), sleeper("--config-file", f"{path}.old")
    try:
        assert list(processes.with_argument((path,))) == [ours.pid]
    finally:
        for process in (ours, other):
            process.kill()
            process.wait()


def test_a_process_of_a_container_that_has_the_same_paths_is_not_found(tmp_path: Path) -> None:
    code = "print(flush=True); import time; time.sleep(60)"
    contained = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", sys.executable, "-c", code)
    with subprocess.Popen((*contained, str(tmp_path)), stdout=subprocess.PIPE) as outside:
        assert outside.stdout
        outside.stdout.readline()
        (inside,) = Path(f"/proc/{outside.pid}/task/{outside.pid}/children").read_text().split()
        found = set(processes.with_argument((tmp_path,)))
        outside.kill()
    assert int(inside) not in found
    assert outside.pid in found


def test_this_process_is_not_found(tmp_path: Path) -> None:
    assert os.getpid() not in processes.with_argument((Path(sys.argv[0]), tmp_path))


def test_processes_are_killed_until_there_is_none(tmp_path: Path) -> None:
    started = [sleeper(str(tmp_path)) for _ in range(3)]
    processes.kill_until_none(lambda: tuple(processes.with_argument((tmp_path,))))
    assert [process.wait() for process in started] == [-9, -9, -9]


def test_the_oldest_is_killed_first_whatever_its_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    starts = {20_001: 50, 301: 70, 302: 60}
    for number, start in starts.items():
        (tmp_path / str(number)).mkdir()
        stat = f"{number} (a) b (c) S {' '.join('0' for _ in range(18))} {start} 0 0\n"
        (tmp_path / str(number) / "stat").write_text(stat)
    killed: list[int] = []
    monkeypatch.setattr(processes, "_PROC", tmp_path)
    monkeypatch.setattr(processes, "_kill", lambda process, _find: killed.append(process))
    processes.kill_until_none(lambda: set(starts).difference(killed))
    assert killed == [20_001, 302, 301]


def test_a_process_that_cannot_be_killed_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_KILL_TIMEOUT_S", 0.05)
    monkeypatch.setattr(processes, "_kill", lambda *_args: None)
    with pytest.raises(EngineError, match="processes 7 of the private engine"):
        processes.kill_until_none(lambda: (7,))


def test_a_process_with_a_reused_id_is_not_killed() -> None:
    bystander = sleeper()
    found = iter([(bystander.pid,), (), ()])
    try:
        processes.kill_until_none(lambda: next(found))
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_control_groups_are_looked_for_in_every_hierarchy() -> None:
    assert cgroups.groups("incep1", HYBRID) == (
        Path("/sys/fs/cgroup/cpu,cpuacct/incep1"),
        Path("/sys/fs/cgroup/unified/incep1"),
    )


def test_a_control_group_goes_with_all_below_it(tmp_path: Path) -> None:
    group = tmp_path / "incep1"
    (group / "a" / "docker" / "b").mkdir(parents=True)
    cgroups.remove(group)
    assert list(tmp_path.iterdir()) == []
    cgroups.remove(group)


def test_a_control_group_that_stays_busy_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "_REMOVE_TIMEOUT_S", 0.05)
    group = tmp_path / "incep1"
    group.mkdir()
    (group / "cgroup.procs").write_text("1\n2\n")  # A real one could be removed with its files in it.
    assert sorted(cgroups.processes(group)) == [1, 2]
    with pytest.raises(OSError, match="not empty"):
        cgroups.remove(group)


def test_changes_are_read_as_they_were_written(tmp_path: Path) -> None:
    CHANGES.write(tmp_path / "host.json")
    assert HostChanges.read(tmp_path / "host.json") == CHANGES
    assert [path.name for path in tmp_path.iterdir()] == ["host.json"]


@pytest.mark.parametrize("content", ["", "{", "{}", "[]", '{"tag": "x"}'])
def test_an_incomplete_record_of_changes_is_ignored(tmp_path: Path, content: str) -> None:
    (tmp_path / "host.json").write_text(content)
    assert HostChanges.read(tmp_path / "host.json") is None
    assert HostChanges.read(tmp_path / "nowhere") is None


def test_only_directories_that_are_not_there_will_be_made(tmp_path: Path) -> None:
    changes = intended_changes("incep1", "10.204.0.1/30", (tmp_path, tmp_path / "new"))
    assert changes.directories == (str(tmp_path / "new"),)


def test_each_rule_is_marked_and_deleted_with_the_same_arguments() -> None:
    made = rules(CHANGES.tag, CHANGES.address, CHANGES.tag)
    assert made
    for rule in made:
        insert, delete = rule.command("-I"), rule.command("-D")
        assert [word for word in insert if word != "-I"] == [word for word in delete if word != "-D"]
        assert insert[insert.index("--comment") + 1] == CHANGES.tag


def test_only_packets_from_the_link_are_masqueraded() -> None:
    (rule,) = (rule for rule in rules(CHANGES.tag, CHANGES.address, CHANGES.tag) if rule.table == "nat")
    assert rule.arguments[:2] == ("-s", "10.204.0.0/30")


def test_after_another_boot_only_directories_are_left_to_remove(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "run", lambda command: pytest.fail(f"ran {command}"))
    (tmp_path / "made").mkdir()
    host.undo(
        HostChanges(
            tag="incep1",
            address="10.204.0.1/30",
            forwarding=True,
            directories=(str(tmp_path / "made"),),
            boot="an earlier one",
        )
    )
    assert not (tmp_path / "made").exists()
