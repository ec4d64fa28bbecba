"""Read the limits of this machine, for `doctor`. Changes nothing: it loads no module and lists no iptables."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from inception.probe.doctor_facts import CgroupLimits, HostLimits, LoopDevices, NetworkLimits, Usage
from inception.probe.machine import parse_bounding_set
from inception.probe.namespaces import at_home
from inception.probe.network import in_network_of

_SYSCTL = Path("/proc/sys")
_KINDS = ("cgroup", "ipc", "mnt", "net", "pid", "time", "uts")
"""Kinds of namespaces that engines make for each container; the one for times, since Docker 29.5."""
_LOOP_MAJOR = "7 loop"
_CONTROLLER = re.compile(r"[a-z_]+")
_PROGRAM_TIMEOUT_S = 5.0


def read_limits(process: Path, root: Path) -> HostLimits:
    """Read this machine, as the engine whose directory in /proc is `process` and whose file system is `root` sees it.

    Raises OSError where /proc is not as Linux has it.
    """
    return HostLimits(
        bounding_set=parse_bounding_set((process / "status").read_text()),
        last_capability=int((_SYSCTL / "kernel/cap_last_cap").read_text()),
        user_namespaces=_sysctl("user/max_user_namespaces"),
        namespaces=_least_namespaces(),
        mounts=_usage(_sysctl("fs/mount-max"), len((process / "mountinfo").read_text().splitlines())),
        inotify_instances=_usage(_sysctl("fs/inotify/max_user_instances"), _inotify_instances()),
        inotify_watches=_sysctl("fs/inotify/max_user_watches"),
        keys=_read_keys(),
        ptys=_usage(_sysctl("kernel/pty/max"), _sysctl("kernel/pty/nr")),
        open_files=parse_open_files((_SYSCTL / "fs/file-nr").read_text()),
        loop=_read_loop(),
        cgroups=_read_cgroups(process, root),
        network=_read_network(process),
        apparmor=(_read(Path("/sys/module/apparmor/parameters/enabled")) or "").startswith("Y"),
        selinux=parse_selinux(_read(Path("/sys/fs/selinux/enforce"))),
        clock_s=time.time(),
    )


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _sysctl(name: str) -> int | None:
    text = _read(_SYSCTL / name)
    return None if text is None else int(text)


def _usage(limit: int | None, used: int | None) -> Usage | None:
    return None if limit is None or used is None else Usage(limit=limit, used=used)


def _least_namespaces() -> int | None:
    limits = (_sysctl(f"user/max_{kind}_namespaces") for kind in _KINDS)
    return min((limit for limit in limits if limit is not None), default=None)


def _inotify_instances() -> int | None:
    """Return the number of inotify instances of root's processes, None if not root: the kernel has no counter."""
    if os.geteuid() != 0:
        return None
    return sum(_owner(process) == 0 and _inotify_files(process) for process in Path("/proc").glob("[0-9]*"))


def _owner(process: Path) -> int | None:
    try:
        return process.stat().st_uid
    except OSError:
        return None


def _inotify_files(process: Path) -> int:
    try:
        return sum(str(file.readlink()) == "anon_inode:inotify" for file in (process / "fd").iterdir())
    except OSError:
        return 0  # It ended meanwhile.


def _read_keys() -> Usage | None:
    users = _read(Path("/proc/key-users"))
    return None if users is None else parse_keys(users)


def parse_keys(key_users: str) -> Usage | None:
    """Return root's keys in `/proc/key-users` (keyrings(7)), or None: every container takes a session keyring."""
    found = re.search(r"^\s*0:\s+\d+\s+\d+/\d+\s+(\d+)/(\d+)", key_users, re.MULTILINE)
    return None if found is None else Usage(limit=int(found[2]), used=int(found[1]))


def parse_open_files(file_nr: str) -> Usage:
    """Return the open files of the whole machine, as in `/proc/sys/fs/file-nr`."""
    allocated, unused, limit = (int(number) for number in file_nr.split())
    return Usage(limit=limit, used=allocated - unused)


def parse_selinux(enforce: str | None) -> str | None:
    """Return `enforcing` or `permissive`; None without SELinux."""
    return None if enforce is None else "enforcing" if enforce.strip() == "1" else "permissive"


def _read_loop() -> LoopDevices:
    backing = (_read(file) for file in sorted(Path("/sys/block").glob("loop*/loop/backing_file")))
    return LoopDevices(
        driver=_LOOP_MAJOR in (_read(Path("/proc/devices")) or ""),
        control_node=Path("/dev/loop-control").exists(),
        attached=tuple(file.strip() for file in backing if file is not None),
    )


def _read_cgroups(process: Path, root: Path) -> CgroupLimits:
    unified = root / "sys/fs/cgroup"
    controllers = _read(unified / "cgroup.controllers")
    return CgroupLimits(
        hierarchies=parse_hierarchies((process / "cgroup").read_text()),
        controllers=None if controllers is None else tuple(controllers.split()),
        kind=(_read(unified / "cgroup.type") or "").strip() or None,
    )


def parse_hierarchies(cgroup: str) -> tuple[tuple[str, ...], ...]:
    """Return the v1 hierarchies in a `/proc/PID/cgroup`, each as its controllers, without v2's (number 0)."""
    lines = (line.split(":", 2) for line in cgroup.splitlines())
    return tuple(_controllers(names.split(",")) for number, names, _ in lines if number != "0")


def _controllers(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in names if _CONTROLLER.fullmatch(name))


def _read_network(process: Path) -> NetworkLimits:
    in_network = at_home(process, "net")
    forwarding = in_network_of(in_network, lambda: _sysctl("net/ipv4/ip_forward"))
    # The file exists once the old interface is in use. Reading it loads no module, unlike `iptables-legacy -L`.
    tables = _read(in_network / "net" / "ip_tables_names") or ""
    return NetworkLimits(
        iptables=_iptables_flavour(),
        legacy_tables=tuple(tables.split()),
        forwarding=None if forwarding is None else forwarding != 0,
    )


def _iptables_flavour() -> str | None:
    try:
        done = subprocess.run(
            ["iptables", "--version"], capture_output=True, text=True, check=True, timeout=_PROGRAM_TIMEOUT_S
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_iptables(done.stdout)


def parse_iptables(version: str) -> str:
    """Return `nf_tables` or `legacy`, as in `iptables --version`; before 1.8 there was `legacy` alone, unnamed."""
    flavour = re.search(r"\((\w+)\)", version)
    return flavour[1] if flavour else "legacy"
