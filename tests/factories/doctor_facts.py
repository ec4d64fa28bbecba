"""A made-up facts of a host with which nothing is wrong, for tests that spoil it."""

from __future__ import annotations

from inception.probe.doctor_facts import CgroupLimits, DoctorFacts, HostLimits, LoopDevices, NetworkLimits, Usage
from tests.factories.plans import ENGINE, HOST

LIMITS = HostLimits(
    bounding_set=0x1FFFFFFFFFF,
    last_capability=40,
    user_namespaces=60_000,
    namespaces=60_000,
    mounts=Usage(limit=100_000, used=30),
    inotify_instances=Usage(limit=1024, used=20),
    inotify_watches=100_000,
    keys=Usage(limit=1_000_000, used=10),
    ptys=Usage(limit=4096, used=2),
    open_files=Usage(limit=1_000_000, used=2000),
    loop=LoopDevices(driver=True, control_node=True, attached=()),
    cgroups=CgroupLimits(hierarchies=(), controllers=("cpu", "io", "memory", "pids")),
    network=NetworkLimits(iptables="nf_tables", legacy_tables=(), forwarding=True),
    apparmor=True,
    selinux=None,
    clock_s=1_800_000_000.0,
)

DOCTOR_FACTS = DoctorFacts(
    engine=ENGINE, engine_error=None, host=HOST, limits=LIMITS, machine_error=None, now_s=1_800_000_000.0
)
