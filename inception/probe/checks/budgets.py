"""Checks of limited resources: namespaces, mounts, watches, keys, terminals, files, tasks, memory."""

from __future__ import annotations

from inception.plan.estimate import MEMORY_PER_LEVEL, TASKS_PER_LEVEL
from inception.plan.facts import HostFacts
from inception.plan.formats.size import show_size
from inception.probe.checks.check import Check, CheckResult, failed, passed, skipped, warned
from inception.probe.checks.needs import of_host, of_limits
from inception.probe.doctor_facts import HostLimits, Usage

_SOME_LEVELS = 8
"""Levels: a host with room for fewer gets a warning."""
_FEW_NAMESPACES = 1000
_MOUNTS_PER_LEVEL = 100
_FEW_INOTIFY_INSTANCES = 64
_FEW_KEYS = 200
_FEW_PTYS = 16
_FILES_PER_LEVEL = 100
_LEAST_OPEN_FILES = 1024
_FEW_OPEN_FILES = 8192


def _judge_pid_namespaces(host: HostFacts) -> CheckResult:
    free = host.pid_namespaces_free
    measured = f"{free} more can be nested"
    if free == 0:
        return failed(measured, "start from a host that is nested less deep")
    if free < _SOME_LEVELS:
        return warned(f"{measured}; the levels beyond share", "inception --pid auto --depth N")
    return passed(measured)


def _judge_user_namespaces(limits: HostLimits) -> CheckResult:
    if limits.user_namespaces is None:
        return skipped("the kernel has none, or does not say")
    if limits.user_namespaces == 0:
        return warned("none may be made: rootless programs at the bottom fail", "sysctl user.max_user_namespaces=65536")
    return passed(f"{limits.user_namespaces} may be made")


def _judge_namespaces(limits: HostLimits) -> CheckResult:
    if limits.namespaces is None:
        return skipped("the kernel does not say")
    measured = f"{limits.namespaces} of each kind at least"
    remedy = "sysctl user.max_net_namespaces=65536 user.max_mnt_namespaces=65536 user.max_pid_namespaces=65536"
    if limits.namespaces < _SOME_LEVELS:
        return failed(measured, remedy)
    if limits.namespaces < _FEW_NAMESPACES:
        return warned(measured, remedy)
    return passed(measured)


def _judge_mounts(limits: HostLimits) -> CheckResult:
    mounts = limits.mounts
    if mounts is None:
        return skipped("the kernel does not say")
    return _judge_usage(mounts, few=_SOME_LEVELS * _MOUNTS_PER_LEVEL, least=_MOUNTS_PER_LEVEL, sysctl="fs.mount-max")


def _judge_inotify(limits: HostLimits) -> CheckResult:
    instances = limits.inotify_instances
    if instances is None:
        return skipped("only root can count them")
    return _judge_usage(instances, few=_FEW_INOTIFY_INSTANCES, least=1, sysctl="fs.inotify.max_user_instances")


def _judge_keys(limits: HostLimits) -> CheckResult:
    if limits.keys is None:
        return skipped("the kernel keeps none")
    return _judge_usage(limits.keys, few=_FEW_KEYS, least=_SOME_LEVELS, sysctl="kernel.keys.root_maxkeys")


def _judge_ptys(limits: HostLimits) -> CheckResult:
    if limits.ptys is None:
        return skipped("the kernel does not say")
    return _judge_usage(limits.ptys, few=_FEW_PTYS, least=1, sysctl="kernel.pty.max")


def _judge_open_files(limits: HostLimits) -> CheckResult:
    if limits.open_files is None:
        return skipped("the kernel does not say")
    few, least = _SOME_LEVELS * _FILES_PER_LEVEL, _FILES_PER_LEVEL
    return _judge_usage(limits.open_files, few=few, least=least, sysctl="fs.file-max")


def _judge_usage(usage: Usage, *, few: int, least: int, sysctl: str) -> CheckResult:
    measured = f"{usage.free} of {usage.limit} are free"
    remedy = f"sysctl {sysctl}={max(2 * usage.limit, usage.used + 2 * few)}"
    if usage.free < least:
        return failed(measured, remedy)
    return warned(measured, remedy) if usage.free < few else passed(measured)


def _judge_open_files_limit(host: HostFacts) -> CheckResult:
    measured = f"{host.open_files_limit} for each process of a container"
    remedy = "systemctl edit docker  # [Service] LimitNOFILE=1048576"
    if host.open_files_limit < _LEAST_OPEN_FILES:
        return failed(measured, remedy)
    return warned(measured, remedy) if host.open_files_limit < _FEW_OPEN_FILES else passed(measured)


def _judge_tasks(host: HostFacts) -> CheckResult:
    if host.tasks_free is None:
        return skipped("not known")
    measured = f"{host.tasks_free} more processes and threads; a level takes {TASKS_PER_LEVEL}"
    remedy = "sysctl kernel.pid_max=4194304 kernel.threads-max=1000000"
    if host.tasks_free < TASKS_PER_LEVEL:
        return failed(measured, remedy)
    return warned(measured, remedy) if host.tasks_free < _SOME_LEVELS * TASKS_PER_LEVEL else passed(measured)


def _judge_memory(host: HostFacts) -> CheckResult:
    if host.memory_available is None:
        return skipped("not known")
    measured = f"{show_size(host.memory_available)} available; a level takes {show_size(MEMORY_PER_LEVEL)}"
    remedy = "free -h; docker stats --no-stream"
    if host.memory_available < 2 * MEMORY_PER_LEVEL:
        return failed(measured, remedy)
    return warned(measured, remedy) if host.memory_available < _SOME_LEVELS * MEMORY_PER_LEVEL else passed(measured)


BUDGET_CHECKS = (
    Check(
        name="pid-namespaces",
        why="The kernel nests 32 of them, the host's own ones counted. A level with one of its own takes one.",
        judge=of_host(_judge_pid_namespaces),
    ),
    Check(
        name="user-namespaces",
        why="Levels need none, but rootless programs and browsers that run at the bottom do.",
        judge=of_limits(_judge_user_namespaces),
    ),
    Check(
        name="namespaces",
        why="Each level takes a mount, a network, an IPC and a host-name namespace out of one budget for all.",
        judge=of_limits(_judge_namespaces),
    ),
    Check(
        name="mounts",
        why="The kernel limits the mounts of one namespace; a level has those of its system and two a container.",
        judge=of_limits(_judge_mounts),
    ),
    Check(
        name="inotify",
        why="All levels are root, and so share one budget of watchers: systemd, kubelet and the like at the bottom.",
        judge=of_limits(_judge_inotify),
    ),
    Check(
        name="keys",
        why="Every container takes a session keyring out of the one budget that root has on all levels.",
        judge=of_limits(_judge_keys),
    ),
    Check(
        name="ptys",
        why="Every terminal session takes one, at whatever level.",
        judge=of_limits(_judge_ptys),
    ),
    Check(
        name="open-files",
        why="Each level's daemons hold about a hundred files open, out of one budget for the machine.",
        judge=of_limits(_judge_open_files),
    ),
    Check(
        name="open-files-limit",
        why="Without CAP_SYS_RESOURCE a level cannot raise the limit that the engine hands down.",
        judge=of_host(_judge_open_files_limit),
    ),
    Check(
        name="tasks",
        why="The processes and threads of all levels are the host's.",
        judge=of_host(_judge_tasks),
    ),
    Check(
        name="memory",
        why="Each level is a whole engine.",
        judge=of_host(_judge_memory),
    ),
)
