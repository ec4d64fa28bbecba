"""A failure and what the host shows become a cause with evidence; the messages are those of real engines."""

from __future__ import annotations

import pytest

from inception.plan.protocol import UNREPORTED
from inception.stress.evidence import CgroupReading, Evidence, Space
from inception.stress.wall.explain import explain_wall
from inception.stress.wall.model import Cause, Failure, Incident
from inception.stress.wall.rules import RULES

SETTINGS = {
    "fs/file-max": 1_000_000,
    "fs/inotify/max_user_instances": 128,
    "fs/inotify/max_user_watches": 65536,
    "fs/mount-max": 100_000,
    "kernel/keys/root_maxkeys": 250,
    "kernel/pid_max": 32768,
    "kernel/pty/max": 4096,
    "kernel/pty/nr": 4096,
    "user/max_pid_namespaces": 100,
    "user/max_user_namespaces": 100,
}
ROOMY = Space(path="/var/lib/docker", free=70 << 30, inodes_free=1_000_000)
BEFORE = Evidence(settings=SETTINGS, keys=250, spaces=(ROOMY,))
OCI = "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: "


def incident(
    message: str, after: Evidence = BEFORE, *, level: int | None = 3, namespaces: int = 3, log: tuple[str, ...] = ()
) -> Incident:
    phase = None if level is None else "start"
    return Incident(
        failure=Failure(message=message, level=level, phase=phase, log_tail=log, pid_namespaces=namespaces),
        before=BEFORE,
        after=after,
    )


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        (OCI + "unable to start container process: can't get final child's PID from pipe: EOF", Cause.PID_NAMESPACES),
        ("depth 33 needs more PID namespaces than this host has free", Cause.PID_NAMESPACES),
        (OCI + "nsexec: failed to unshare remaining namespaces: clone_newuser: No space left", Cause.USER_NAMESPACES),
        (OCI + "unable to join session keyring: unable to create session key: disk quota exceeded", Cause.KEYS),
        ("fork/exec /usr/bin/containerd: cannot allocate memory", Cause.MEMORY),
        ("dockerd: failed to create inotify watcher: too many open files", Cause.INOTIFY),
        ("[Errno 1] Operation not permitted: '/dev/loop-control'", Cause.LOOP_DEVICES),
        ("accept4: too many open files", Cause.OPEN_FILES),
        ("open /etc/x: too many open files in system", Cause.OPEN_FILES),
        (OCI + "open /dev/ptmx: no space left on device", Cause.PTYS),
        ("losetup: cannot find an unused loop device", Cause.LOOP_DEVICES),
        (OCI + 'error mounting "devpts" to rootfs at "/dev/pts": mount devpts: no space left on device', Cause.MOUNTS),
        (OCI + 'error mounting "proc" to rootfs at "/proc": mount: no space left on device', Cause.MOUNTS),
        ("fork/exec /proc/self/exe: resource temporarily unavailable", Cause.TASKS),
        ("runtime: failed to create new OS thread; newosproc", Cause.TASKS),
        ("pool 10.0.0.0/27 is too small for 10 levels beside the networks that are routed already", Cause.SUBNETS),
        ("could not find an available, non-overlapping IPv4 address pool among the defaults", Cause.SUBNETS),
        ("socket path /run/a/docker.sock is longer than 107 bytes", Cause.PATH_LENGTH),
        ("From 10.208.0.1 icmp_seq=1 Time to live exceeded", Cause.TTL),
        ("dockerd did not answer within 0.01 s", Cause.TIME_LIMIT),
        ("depth 9 needs 99 GB of disk, and 1.00 GB of disk are free", Cause.DISK),
        ("depth 9 needs 99 GB of memory, and 1.00 GB of memory are free", Cause.MEMORY),
        ("depth 9 needs 540 processes and threads, and 9 processes and threads are free", Cause.TASKS),
        ("depth 9 needs 4500 inodes, and 10 inodes are free", Cause.INODES),
    ],
)
def test_message_names_its_cause(message: str, cause: Cause) -> None:
    level = None if "depth" in message or "pool" in message or "socket path" in message else 3
    wall = explain_wall(incident(message, level=level))
    assert wall.cause == cause
    assert wall.evidence
    assert wall.remedy
    assert (wall.level, wall.message) == (level, message)


def test_nesting_limit_is_told_apart_from_a_low_sysctl() -> None:
    words = OCI + "can't get final child's PID from pipe: EOF"
    kernel = explain_wall(incident(words, level=33, namespaces=33))
    assert kernel.evidence[0] == "this level would be PID namespace 33 below the host, which has room for 32"
    low = explain_wall(incident(words, level=3, namespaces=3))
    assert low.evidence == ("user.max_pid_namespaces = 100",)


def test_lower_limit_decides_between_user_and_pid_namespaces() -> None:
    after = Evidence(settings={**SETTINGS, "user/max_user_namespaces": 2})
    wall = explain_wall(incident(OCI + "can't get final child's PID from pipe: EOF", after))
    assert (wall.cause, wall.evidence) == (Cause.USER_NAMESPACES, ("user.max_user_namespaces = 2",))


def test_chain_nested_too_deep_is_that_whatever_the_limit_of_user_namespaces() -> None:
    after = Evidence(settings={**SETTINGS, "user/max_user_namespaces": 2})
    message = OCI + "can't get final child's PID from pipe: EOF"
    assert explain_wall(incident(message, after, level=33, namespaces=33)).cause == Cause.PID_NAMESPACES


def test_chain_nested_too_deep_is_that_although_the_kernel_killed_another_program() -> None:
    message = OCI + "can't get final child's PID from pipe: EOF"
    wall = explain_wall(incident(message, Evidence(settings=SETTINGS, oom_kills=1), level=33, namespaces=33))
    assert wall.cause == Cause.PID_NAMESPACES


def test_each_cause_has_one_rule() -> None:
    causes = [rule.cause for rule in RULES]
    assert len(causes) == len(set(causes))
    assert {*causes, Cause.UNKNOWN} == set(Cause)


def test_oom_kill_is_found_in_the_counters_of_the_kernel() -> None:
    limited = CgroupReading(path="/sys/fs/cgroup/memory/docker/1", values={"memory.limit_in_bytes": 90 << 20})
    after = Evidence(settings=SETTINGS, oom_kills=1, spaces=(ROOMY,), cgroups=(limited,))
    wall = explain_wall(incident("dockerd ended with status -9", after))
    assert wall.cause == Cause.MEMORY
    assert "killed 1" in wall.evidence[0]
    assert "94.4 MB" in wall.evidence[1]


def test_unlimited_memory_is_no_evidence() -> None:
    free = CgroupReading(path="/", values={"memory.limit_in_bytes": (1 << 63) - 4096})
    after = Evidence(oom_kills=1, cgroups=(free,))
    assert len(explain_wall(incident("ended with status -9", after)).evidence) == 1


def test_full_disk_and_full_inodes_are_told_apart() -> None:
    words = "write /var/lib/docker/x: no space left on device"
    full = Evidence(spaces=(Space(path="/var/lib/docker", free=4096, inodes_free=1000),))
    assert explain_wall(incident(words, full)).cause == Cause.DISK
    assert "4.10 kB" in explain_wall(incident(words, full)).evidence[0]
    used_up = Evidence(spaces=(Space(path="/var/lib/docker", free=1 << 30, inodes_free=0),))
    assert explain_wall(incident(words, used_up)).cause == Cause.INODES


def test_image_that_is_too_small_is_named() -> None:
    failure = Failure(message="mkfs.ext4: No space left on device", level=3, phase="prepare", image=(2, 2 << 20))
    wall = explain_wall(Incident(failure=failure, before=BEFORE, after=BEFORE))
    assert wall.cause == Cause.DISK
    assert wall.evidence == ("the data-root of level 2 holds 2.10 MB",)


def test_file_system_without_inodes_is_full_whatever_the_message() -> None:
    used_up = Evidence(spaces=(Space(path="/run/inception", free=1 << 30, inodes_free=0),))
    assert explain_wall(incident("its runner ended unexpectedly, with status 2", used_up)).cause == Cause.INODES


def test_limit_of_tasks_is_found_in_the_control_group() -> None:
    values = {"pids.max": 100, "pids.current": 99, "pids.events max": 4}
    after = Evidence(cgroups=(CgroupReading(path="/sys/fs/cgroup/pids/docker/1", values=values),))
    wall = explain_wall(incident("resource temporarily unavailable", after))
    assert wall.cause == Cause.CGROUP_LIMIT
    assert wall.evidence == (
        "the control group of level 1 allows 100 processes and threads to the whole chain",
        "it refused 4 (pids.events)",
    )


def test_log_tail_names_the_cause_too() -> None:
    wall = explain_wall(incident("containerd ended with status 1", log=("accept4: too many open files",)))
    assert wall.cause == Cause.OPEN_FILES


def test_unknown_cause_keeps_the_log_tail() -> None:
    wall = explain_wall(incident("the cat sat on it", log=("meow",)))
    assert wall.cause == Cause.UNKNOWN
    assert wall.evidence == ()
    assert wall.log_tail == ("meow",)


def test_run_directory_without_room_for_an_event_is_a_full_disk() -> None:
    full = Evidence(spaces=(Space(path="/run/inception", free=1 << 20, inodes_free=1000),))
    wall = explain_wall(incident(UNREPORTED, full, level=1))
    assert wall.cause == Cause.DISK
    assert wall.evidence == ("/run/inception has 1.05 MB free",)


def test_disk_with_free_space_is_no_full_disk() -> None:
    assert explain_wall(incident("no space left on device")).cause == Cause.UNKNOWN
