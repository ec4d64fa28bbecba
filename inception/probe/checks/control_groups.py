"""Checks of control groups: the version, the controllers, and the devices hierarchy of v1."""

from __future__ import annotations

from inception.probe.checks.check import Check, CheckResult, failed, passed, skipped, warned
from inception.probe.checks.needs import of_limits
from inception.probe.doctor_facts import CgroupLimits, HostLimits

_NEEDED = ("cpu", "memory", "pids")
_MOUNT_V1 = "mount -t cgroup -o {0} cgroup /sys/fs/cgroup/{0}"


def _judge_version(limits: HostLimits) -> CheckResult:
    groups = limits.cgroups
    if not _has_any(groups):
        return failed("none is mounted", "mount -t cgroup2 cgroup2 /sys/fs/cgroup")
    if groups.kind in {"domain invalid", "threaded"}:
        return failed(
            f"v2, but the engine's root is in the state {groups.kind!r}", "cat /sys/fs/cgroup/cgroup.type; reboot"
        )
    if not any(groups.hierarchies):
        return passed("v2")
    return passed("v1" if groups.controllers is None else "hybrid: v1, and v2 beside it")


def _has_any(groups: CgroupLimits) -> bool:
    return any(groups.hierarchies) or groups.controllers is not None


def _judge_controllers(limits: HostLimits) -> CheckResult:
    groups = limits.cgroups
    if not _has_any(groups):
        return skipped("no control groups are mounted")
    present = {*(groups.controllers or ()), *(name for hierarchy in groups.hierarchies for name in hierarchy)}
    missing = [name for name in _NEEDED if name not in present]
    if not missing:
        return passed(", ".join(sorted(present)))
    remedy = (
        "; ".join(_MOUNT_V1.format(name) for name in missing)
        if groups.controllers is None
        else f"echo {' '.join('+' + name for name in missing)} > /sys/fs/cgroup/cgroup.subtree_control"
    )
    return warned(f"no {', '.join(missing)}: what needs it runs without limits", remedy)


def _judge_devices(limits: HostLimits) -> CheckResult:
    groups = limits.cgroups
    if not any(groups.hierarchies):
        return skipped("v2 has no devices controller: a program in the kernel filters instead")
    own = [hierarchy for hierarchy in groups.hierarchies if "devices" in hierarchy]
    if not own:
        return failed("the devices controller is not mounted", _MOUNT_V1.format("devices"))
    if own != [("devices",)]:
        return warned(
            f"devices shares its hierarchy with {', '.join(name for name in own[0] if name != 'devices')}",
            "umount the shared hierarchy, then " + _MOUNT_V1.format("devices"),
        )
    return passed("devices has a hierarchy of its own")


CGROUP_CHECKS = (
    Check(
        name="cgroups",
        why="Every level's engine puts its containers into control groups, which it makes inside those of level 1.",
        judge=of_limits(_judge_version),
    ),
    Check(
        name="cgroup-controllers",
        why="A controller that the host does not offer is missing at every level.",
        judge=of_limits(_judge_controllers),
    ),
    Check(
        name="devices-hierarchy",
        why="On v1 each level must lift its containers' device rules; a shared hierarchy would lift others with them.",
        judge=of_limits(_judge_devices),
    ),
)
