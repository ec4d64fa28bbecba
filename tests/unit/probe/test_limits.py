from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

import pytest

from inception.plan.formats.codec import from_json, to_line
from inception.probe.doctor_facts import CgroupLimits, HostLimits, Usage
from inception.probe.host import MachineReading
from inception.probe.limits import (
    parse_hierarchies,
    parse_iptables,
    parse_keys,
    parse_open_files,
    parse_selinux,
    read_limits,
)
from inception.probe.reader import FullReading
from tests.factories.doctor_facts import LIMITS
from tests.factories.plans import HOST

V1 = """\
11:name=systemd:/docker/1
4:cpu,cpuacct:/docker/1
3:devices:/docker/1
0::/docker/1
"""


def test_hierarchies_of_v1_without_that_of_v2() -> None:
    assert parse_hierarchies(V1) == ((), ("cpu", "cpuacct"), ("devices",))
    assert parse_hierarchies("0::/user.slice\n") == ()


@pytest.mark.parametrize(
    ("said", "flavour"),
    [
        ("iptables v1.8.9 (nf_tables)\n", "nf_tables"),
        ("iptables v1.8.9 (legacy)\n", "legacy"),
        ("iptables v1.6.1\n", "legacy"),
    ],
)
def test_iptables_flavour(said: str, flavour: str) -> None:
    assert parse_iptables(said) == flavour


def test_keys_of_root() -> None:
    users = "    0:    12 11/11 6/1000000 250/25000000\n 1000:     3 3/3 2/200 30/20000\n"
    assert parse_keys(users) == Usage(limit=1_000_000, used=6)
    assert parse_keys(" 1000:     3 3/3 2/200 30/20000\n") is None


def test_open_files_do_not_count_what_is_kept_for_later() -> None:
    assert parse_open_files("1535\t35\t2465620\n") == Usage(limit=2_465_620, used=1500)


@pytest.mark.parametrize(("enforce", "mode"), [("1", "enforcing"), ("0\n", "permissive"), (None, None)])
def test_selinux(enforce: str | None, mode: str | None) -> None:
    assert parse_selinux(enforce) == mode


def test_free_usage_is_never_negative() -> None:
    assert Usage(limit=10, used=12).free == 0


def test_this_machine_can_be_read_and_no_module_is_loaded_by_it() -> None:
    modules = Path("/proc/modules")
    before = modules.read_text() if modules.exists() else ""
    limits = read_limits(Path("/proc/self"), Path("/"))
    assert (modules.read_text() if modules.exists() else "") == before
    assert limits.open_files is not None
    assert limits.open_files.used > 0
    assert (limits.inotify_instances is None) == (os.geteuid() != 0)
    assert limits.clock_s > 1.7e9


@pytest.mark.parametrize(
    "limits",
    [
        LIMITS,
        HostLimits(
            **{
                **{name: getattr(LIMITS, name) for name in asdict(LIMITS)},
                "mounts": None,
                "selinux": "enforcing",
                "cgroups": CgroupLimits(hierarchies=(("cpu", "cpuacct"), ()), controllers=None, kind=None),
            }
        ),
    ],
)
def test_a_reading_survives_json(limits: HostLimits) -> None:
    reading = FullReading(machine=MachineReading(host=HOST, bounding_set=0x1FFFEFFFFFF), limits=limits)
    assert from_json(FullReading, to_line(reading)) == reading
