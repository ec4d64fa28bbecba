"""Every check, with faked facts, for each verdict that it can give."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from inception.plan.privileges import NAMES
from inception.probe.checks import CHECKS, examine
from inception.probe.checks.check import Check, CheckStatus
from inception.probe.doctor_facts import CgroupLimits, DoctorFacts, LoopDevices, NetworkLimits, Usage
from tests.factories.doctor_facts import DOCTOR_FACTS, LIMITS
from tests.factories.plans import ENGINE, HOST

PASS, WARN, FAIL, SKIP = CheckStatus.PASS, CheckStatus.WARN, CheckStatus.FAIL, CheckStatus.SKIP
CHECK_OF = {check.name: check for check in CHECKS}

SILENT = replace(DOCTOR_FACTS, engine=None, engine_error="no Docker engine answers at unix:///run/docker.sock")
UNREAD = replace(DOCTOR_FACTS, host=None, limits=None, machine_error="the machine cannot be read")


def _engine(**changes: Any) -> DoctorFacts:
    return replace(DOCTOR_FACTS, engine=replace(ENGINE, **changes))


def _host(**changes: Any) -> DoctorFacts:
    return replace(DOCTOR_FACTS, host=replace(HOST, **changes))


def _limits(**changes: Any) -> DoctorFacts:
    return replace(DOCTOR_FACTS, limits=replace(LIMITS, **changes))


def _cgroups(**changes: Any) -> DoctorFacts:
    return _limits(cgroups=CgroupLimits(**changes))


def _network(**changes: Any) -> DoctorFacts:
    return _limits(network=replace(NetworkLimits(iptables="nf_tables", legacy_tables=(), forwarding=True), **changes))


def _lacking_sys_resource(**changes: Any) -> DoctorFacts:
    given = tuple(name for name in NAMES[:38] if name != "SYS_RESOURCE")
    engine = replace(ENGINE, privileged=False, capabilities=given, **changes)
    return replace(DOCTOR_FACTS, engine=engine, limits=replace(LIMITS, bounding_set=0x1FFFEFFFFFF))


V1 = tuple((name,) for name in ("cpu", "memory", "pids", "devices"))

# name of the check, facts, verdict, what it must say
CASES: list[tuple[str, DoctorFacts, CheckStatus, str]] = [
    ("engine", DOCTOR_FACTS, PASS, "unix:///var/run/docker.sock answers, on this machine"),
    ("engine", _engine(local=False), PASS, "somewhere else"),
    ("engine", SILENT, FAIL, "no Docker engine answers at unix:///run/docker.sock"),
    ("engine-version", DOCTOR_FACTS, PASS, "26.1.5"),
    ("engine-version", _engine(version="20.10.24", api_version="1.41"), PASS, "20.10.24"),
    ("engine-version", _engine(version="19.03.15", api_version="1.40"), FAIL, "19.03.15"),
    ("engine-version", _engine(podman=True, version="4.3.1", api_version="1.41"), PASS, "Podman 4.3.1"),
    ("engine-version", _engine(podman=True, version="3.4.4", api_version="1.40"), WARN, "from 4.3 on"),
    ("engine-version", SILENT, SKIP, "no engine"),
    ("engine-mode", DOCTOR_FACTS, PASS, "root"),
    ("engine-mode", _engine(security_options=("name=seccomp,profile=builtin", "name=userns")), FAIL, "remapped"),
    ("engine-mode", _engine(security_options=("name=rootless",)), FAIL, "rootless"),
    ("engine-mode", SILENT, SKIP, "no engine"),
    ("privileges", _engine(privileged=True), PASS, "--privileged works"),
    ("privileges", _lacking_sys_resource(), WARN, "lacks CAP_SYS_RESOURCE"),
    ("privileges", _lacking_sys_resource(), WARN, "levels get the 37 capabilities"),
    ("privileges", _engine(capabilities=("CHOWN", "KILL")), FAIL, "CAP_SYS_ADMIN, CAP_NET_ADMIN"),
    ("privileges", _lacking_sys_resource(podman=True), WARN, "Podman starts no container"),
    ("privileges", SILENT, SKIP, "no engine"),
    ("privileges", UNREAD, SKIP, "cannot be read"),
    ("kernel", DOCTOR_FACTS, PASS, "6.12.0"),
    ("kernel", _host(kernel="5.9.0-rc1"), PASS, "5.9.0"),
    ("kernel", _host(kernel="5.4.0-200-generic"), WARN, "5.4.0"),
    ("kernel", _host(kernel="4.18.0-553.el8"), FAIL, "4.18.0"),
    ("kernel", _host(kernel="FreeBSD"), SKIP, "FreeBSD"),
    ("kernel", UNREAD, SKIP, "cannot be read"),
    ("apparmor", DOCTOR_FACTS, PASS, "unconfined"),
    ("apparmor", _limits(apparmor=False), PASS, "not in use"),
    ("apparmor", UNREAD, SKIP, "cannot be read"),
    ("selinux", DOCTOR_FACTS, PASS, "not in use"),
    ("selinux", _limits(selinux="permissive"), PASS, "permissive"),
    ("selinux", _limits(selinux="enforcing"), WARN, "label=disable"),
    ("selinux", UNREAD, SKIP, "cannot be read"),
    ("clock", DOCTOR_FACTS, PASS, "right"),
    ("clock", _limits(clock_s=LIMITS.clock_s + 90), WARN, "+90 s"),
    ("clock", _limits(clock_s=LIMITS.clock_s - 90), WARN, "-90 s"),
    ("clock", _limits(clock_s=0.0), FAIL, "before"),
    ("clock", UNREAD, SKIP, "cannot be read"),
    ("cgroups", DOCTOR_FACTS, PASS, "v2"),
    ("cgroups", _cgroups(hierarchies=V1), PASS, "v1"),
    ("cgroups", _cgroups(hierarchies=V1, controllers=()), PASS, "hybrid"),
    ("cgroups", _cgroups(hierarchies=((),)), FAIL, "none is mounted"),
    ("cgroups", _cgroups(controllers=("cpu",), kind="domain invalid"), FAIL, "domain invalid"),
    ("cgroups", _cgroups(controllers=("cpu",), kind="threaded"), FAIL, "threaded"),
    ("cgroups", _cgroups(controllers=("cpu",), kind="domain"), PASS, "v2"),
    ("cgroups", UNREAD, SKIP, "cannot be read"),
    ("cgroup-controllers", DOCTOR_FACTS, PASS, "cpu, io, memory, pids"),
    ("cgroup-controllers", _cgroups(hierarchies=V1), PASS, "cpu, devices, memory, pids"),
    ("cgroup-controllers", _cgroups(hierarchies=(("cpu", "cpuacct"), ("pids",))), WARN, "no memory"),
    ("cgroup-controllers", _cgroups(controllers=("memory",)), WARN, "no cpu, pids"),
    ("cgroup-controllers", _cgroups(), SKIP, "no control groups"),
    ("cgroup-controllers", UNREAD, SKIP, "cannot be read"),
    ("devices-hierarchy", _cgroups(hierarchies=V1), PASS, "of its own"),
    ("devices-hierarchy", _cgroups(hierarchies=(("cpu",), ("devices", "freezer"))), WARN, "with freezer"),
    ("devices-hierarchy", _cgroups(hierarchies=(("cpu",),)), FAIL, "not mounted"),
    ("devices-hierarchy", DOCTOR_FACTS, SKIP, "v2"),
    ("devices-hierarchy", UNREAD, SKIP, "cannot be read"),
    ("overlay", DOCTOR_FACTS, PASS, "works"),
    ("overlay", _host(data_root_carries_overlay=False), WARN, "ext4 image"),
    ("overlay", UNREAD, SKIP, "cannot be read"),
    ("disk", DOCTOR_FACTS, PASS, "537 GB free"),
    ("disk", _host(disk_free=3_000_000_000), WARN, "3.00 GB free"),
    ("disk", _host(disk_free=1_000_000_000), FAIL, "1.00 GB free"),
    ("disk", _host(disk_free=None), SKIP, "not visible"),
    ("disk", _host(image_disk_free=900_000_000), FAIL, "and 900 MB where containerd keeps the images"),
    ("disk", UNREAD, SKIP, "cannot be read"),
    ("inodes", DOCTOR_FACTS, PASS, "50000000 free"),
    ("inodes", _host(inodes_free=50_000), WARN, "50000 free"),
    ("inodes", _host(inodes_free=5000), FAIL, "5000 free"),
    ("inodes", _host(inodes_free=None), SKIP, "as needed"),
    ("inodes", _host(image_inodes_free=50_000), WARN, "and 50000 where containerd keeps the images"),
    ("inodes", UNREAD, SKIP, "cannot be read"),
    ("loop-devices", DOCTOR_FACTS, PASS, "0 in use"),
    ("loop-devices", _limits(loop=LoopDevices(driver=True, control_node=False, attached=("/a",))), PASS, "1 in use"),
    ("loop-devices", _limits(loop=LoopDevices(driver=False, control_node=False, attached=())), WARN, "not loaded"),
    (
        "loop-devices",
        replace(
            _limits(loop=LoopDevices(driver=False, control_node=False, attached=())),
            host=replace(HOST, data_root_carries_overlay=False),
        ),
        FAIL,
        "carries no overlay",
    ),
    ("loop-devices", UNREAD, SKIP, "cannot be read"),
    ("pid-namespaces", DOCTOR_FACTS, PASS, "32 more"),
    ("pid-namespaces", _host(pid_namespaces_free=7), WARN, "7 more"),
    ("pid-namespaces", _host(pid_namespaces_free=0), FAIL, "0 more"),
    ("pid-namespaces", UNREAD, SKIP, "cannot be read"),
    ("user-namespaces", DOCTOR_FACTS, PASS, "60000"),
    ("user-namespaces", _limits(user_namespaces=0), WARN, "none"),
    ("user-namespaces", _limits(user_namespaces=None), SKIP, "does not say"),
    ("user-namespaces", UNREAD, SKIP, "cannot be read"),
    ("namespaces", DOCTOR_FACTS, PASS, "60000"),
    ("namespaces", _limits(namespaces=500), WARN, "500"),
    ("namespaces", _limits(namespaces=5), FAIL, "5 of"),
    ("namespaces", _limits(namespaces=None), SKIP, "does not say"),
    ("namespaces", UNREAD, SKIP, "cannot be read"),
    ("mounts", DOCTOR_FACTS, PASS, "99970 of 100000"),
    ("mounts", _limits(mounts=Usage(limit=1000, used=300)), WARN, "700 of 1000"),
    ("mounts", _limits(mounts=Usage(limit=1000, used=950)), FAIL, "50 of 1000"),
    ("mounts", _limits(mounts=None), SKIP, "does not say"),
    ("mounts", UNREAD, SKIP, "cannot be read"),
    ("inotify", DOCTOR_FACTS, PASS, "1004 of 1024"),
    ("inotify", _limits(inotify_instances=Usage(limit=128, used=100)), WARN, "28 of 128"),
    ("inotify", _limits(inotify_instances=Usage(limit=128, used=128)), FAIL, "0 of 128"),
    ("inotify", _limits(inotify_instances=None), SKIP, "only root"),
    ("inotify", UNREAD, SKIP, "cannot be read"),
    ("keys", DOCTOR_FACTS, PASS, "999990 of 1000000"),
    ("keys", _limits(keys=Usage(limit=200, used=50)), WARN, "150 of 200"),
    ("keys", _limits(keys=Usage(limit=200, used=199)), FAIL, "1 of 200"),
    ("keys", _limits(keys=None), SKIP, "keeps none"),
    ("keys", UNREAD, SKIP, "cannot be read"),
    ("ptys", DOCTOR_FACTS, PASS, "4094 of 4096"),
    ("ptys", _limits(ptys=Usage(limit=20, used=10)), WARN, "10 of 20"),
    ("ptys", _limits(ptys=Usage(limit=20, used=25)), FAIL, "0 of 20"),
    ("ptys", _limits(ptys=None), SKIP, "does not say"),
    ("ptys", UNREAD, SKIP, "cannot be read"),
    ("open-files", DOCTOR_FACTS, PASS, "998000 of 1000000"),
    ("open-files", _limits(open_files=Usage(limit=1000, used=500)), WARN, "500 of 1000"),
    ("open-files", _limits(open_files=Usage(limit=1000, used=950)), FAIL, "50 of 1000"),
    ("open-files", _limits(open_files=None), SKIP, "does not say"),
    ("open-files", UNREAD, SKIP, "cannot be read"),
    ("open-files-limit", DOCTOR_FACTS, PASS, "20000"),
    ("open-files-limit", _host(open_files_limit=4096), WARN, "4096"),
    ("open-files-limit", _host(open_files_limit=256), FAIL, "256"),
    ("open-files-limit", UNREAD, SKIP, "cannot be read"),
    ("tasks", _host(tasks_free=30_000), PASS, "30000 more"),
    ("tasks", _host(tasks_free=100), WARN, "100 more"),
    ("tasks", _host(tasks_free=10), FAIL, "10 more"),
    ("tasks", DOCTOR_FACTS, SKIP, "not known"),
    ("tasks", UNREAD, SKIP, "cannot be read"),
    ("memory", DOCTOR_FACTS, PASS, "68.7 GB"),
    ("memory", _host(memory_available=200_000_000), WARN, "200 MB"),
    ("memory", _host(memory_available=100_000_000), FAIL, "100 MB"),
    ("memory", _host(memory_available=None), SKIP, "not known"),
    ("memory", UNREAD, SKIP, "cannot be read"),
    ("iptables", DOCTOR_FACTS, PASS, "nf_tables"),
    ("iptables", _network(iptables="legacy", legacy_tables=("nat", "filter")), PASS, "legacy"),
    ("iptables", _network(legacy_tables=("nat", "filter")), WARN, "nat, filter"),
    ("iptables", _network(iptables=None), SKIP, "bring their own"),
    ("iptables", UNREAD, SKIP, "cannot be read"),
    ("forwarding", DOCTOR_FACTS, PASS, "on"),
    ("forwarding", _network(forwarding=False), WARN, "off"),
    ("forwarding", _network(forwarding=None), SKIP, "does not say"),
    ("forwarding", UNREAD, SKIP, "cannot be read"),
    ("routes", DOCTOR_FACTS, PASS, "10.208.0.0/19"),
    ("routes", _host(routes=("10.0.0.0/8",)), WARN, "10.208.0.0/12 is routed already"),
    (
        "routes",
        _host(routes=("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "198.18.0.0/15")),
        FAIL,
        "no private range has room",
    ),
    ("routes", UNREAD, SKIP, "cannot be read"),
    ("mtu", DOCTOR_FACTS, PASS, "1400"),
    ("mtu", _host(mtu=1000), WARN, "1000"),
    ("mtu", _host(mtu=500), FAIL, "500"),
    ("mtu", UNREAD, SKIP, "cannot be read"),
    ("dns", DOCTOR_FACTS, PASS, "192.168.0.1"),
    ("dns", _host(resolvers=()), WARN, "no name server"),
    ("dns", _host(resolvers=("127.0.0.1", "::1")), WARN, "loopback"),
    ("dns", _host(resolvers=("127.0.0.1", "192.0.2.53")), PASS, "192.0.2.53"),
    ("dns", UNREAD, SKIP, "cannot be read"),
]


IDS = [f"{name}-{status}-{index}" for index, (name, _, status, _) in enumerate(CASES)]


@pytest.mark.parametrize(("name", "facts", "status", "said"), CASES, ids=IDS)
def test_each_check_gives_the_expected_result(name: str, facts: DoctorFacts, status: CheckStatus, said: str) -> None:
    verdict = CHECK_OF[name].judge(facts)
    assert verdict.status is status
    assert said in verdict.measured


def _judge_behind(judge: Callable[..., Any]) -> Callable[..., Any]:
    """What a check calls in the end: some are wrapped, so that they are skipped where their facts are missing."""
    return inspect.getclosurevars(judge).nonlocals.get("judge", judge)  # type: ignore[no-any-return]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_every_status_of_a_check_has_a_case(check: Check) -> None:
    source = inspect.getsource(_judge_behind(check.judge))
    if "_judge_usage(" in source:
        source += "passed( warned( failed("
    words = {"passed": PASS, "warned": WARN, "failed": FAIL, "skipped": SKIP}
    possible = {words[word] for word in re.findall(r"\b(passed|warned|failed|skipped)\(", source)}
    assert possible
    assert possible <= {status for name, _, status, _ in CASES if name == check.name}


def test_names_are_different() -> None:
    assert len(CHECK_OF) == len(CHECKS)


NOTHING_KNOWN = replace(SILENT, host=None, limits=None)


@pytest.mark.parametrize("facts", [*(it[1] for it in CASES), NOTHING_KNOWN], ids=[*IDS, "nothing known"])
def test_every_finding_is_whole(facts: DoctorFacts) -> None:
    for finding in examine(facts):
        assert finding.measured
        assert finding.why.endswith(".")
        assert "\n" not in finding.measured + finding.why + (finding.remedy or "")
        if finding.status is FAIL:
            assert finding.remedy


def test_a_good_host_passes_every_check() -> None:
    good = replace(DOCTOR_FACTS, engine=replace(ENGINE, privileged=True), host=replace(HOST, tasks_free=30_000))
    assert {finding.status for finding in examine(good)} <= {PASS, SKIP}
