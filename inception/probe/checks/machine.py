"""Checks of the machine: kernel, security modules, clock."""

from __future__ import annotations

import re

from inception.plan.facts import HostFacts
from inception.probe.checks.check import Check, CheckResult, failed, passed, skipped, warned
from inception.probe.checks.needs import of_host, of_limits
from inception.probe.doctor_facts import DoctorFacts, HostLimits

_LEAST_KERNEL = (4, 19)
_GOOD_KERNEL = (5, 9)
_EARLIEST_S = 1_767_225_600
"""2026-01-01, in Unix time: a right clock shows a later time."""
_SKEW_S = 5.0


def _judge_kernel(host: HostFacts) -> CheckResult:
    found = re.match(r"(\d+)\.(\d+)", host.kernel)
    if found is None:
        return skipped(f"{host.kernel!r} is not a Linux release")
    release = (int(found[1]), int(found[2]))
    if release < _LEAST_KERNEL:
        return failed(f"Linux {host.kernel}", "apt-get dist-upgrade")
    if release < _GOOD_KERNEL:
        return warned(f"Linux {host.kernel}: no close_range, and overlays with more limits", "apt-get dist-upgrade")
    return passed(f"Linux {host.kernel}")


def _judge_apparmor(limits: HostLimits) -> CheckResult:
    return passed("on; levels run unconfined" if limits.apparmor else "not in use")


def _judge_selinux(limits: HostLimits) -> CheckResult:
    if limits.selinux is None:
        return passed("not in use")
    if limits.selinux == "enforcing":
        return warned("enforcing; levels run without labels (label=disable)", "setenforce 0  # if a level is denied")
    return passed(limits.selinux)


def _judge_clock(facts: DoctorFacts) -> CheckResult:
    if facts.limits is None:
        return skipped(facts.machine_error or "not read")
    clock_s, skew_s = facts.limits.clock_s, facts.limits.clock_s - facts.now_s
    if clock_s < _EARLIEST_S:
        return failed(f"{_EARLIEST_S - clock_s:.0f} s before this program was made", "timedatectl set-ntp true")
    if abs(skew_s) > _SKEW_S:
        return warned(f"{skew_s:+.0f} s against the clock here", "timedatectl set-ntp true")
    return passed("right, as far as can be checked")


MACHINE_CHECKS = (
    Check(
        name="kernel",
        why="All levels run on this one kernel.",
        judge=of_host(_judge_kernel),
    ),
    Check(
        name="apparmor",
        why="The profile of containers forbids to mount, so levels run without one.",
        judge=of_limits(_judge_apparmor),
    ),
    Check(
        name="selinux",
        why="The label of containers forbids to mount, so levels run without one.",
        judge=of_limits(_judge_selinux),
    ),
    Check(
        name="clock",
        why="All levels share it: certificates of registries are judged by it.",
        judge=_judge_clock,
    ),
)
