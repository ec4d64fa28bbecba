"""Control groups: makes the hierarchies writable, and keeps the cgroups of all levels side by side.

Level 1 has a cgroup namespace of its own, and every level below builds its cgroups in the root of that one, too: those
levels share the namespace and mount the hierarchies afresh, which shows them that root in place of their own cgroup.
An engine that gives level 1 no namespace (Podman on v1) makes no difference: then level 1 takes one itself.
Nested the usual way, a cgroup would be as deep as the chain, and each wake-up and page charge would walk that path.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterable
from pathlib import Path

from inception.linux.mounts import Mount, MountPoint, RemountCgroup, RemountWritable
from inception.linux.retry import retry
from inception.plan.chain import CgroupNamespace

_ROOT = Path("/sys/fs/cgroup")
_LEAF = "inception"
"""Cgroup for the processes of a v2 root: only an empty one may give controllers to its children."""
_EVACUATION_LIMIT_S = 1.0
_EVACUATION_PAUSE_S = 0.05
_CLONE_NEWCGROUP = 0x02000000
"""include/uapi/linux/sched.h; `os.unshare` came with Python 3.12."""

_libc = ctypes.CDLL(None, use_errno=True)


def open_hierarchies(namespace: CgroupNamespace, mounts: Iterable[MountPoint]) -> None:
    """Make the hierarchies among `mounts` (this level's own) writable, all controllers delegated. Raises OSError."""
    private = namespace is CgroupNamespace.PRIVATE
    # The mounts still show the namespace before one that is entered only now: they are made anew, as if it were shared.
    late = private and take_namespace(Path("/proc/self/cgroup").read_text())
    for mount in plan_mounts(CgroupNamespace.SHARED if late else namespace, mounts):
        mount.execute()
    if private:
        delegate_controllers()


def take_namespace(membership: str) -> bool:
    """Enter a new cgroup namespace unless this process is at the root of one; return whether that was needed.

    `membership` is the text of /proc/self/cgroup. Podman's Docker API (4.3) ignores CgroupnsMode, and on v1 its
    containers share the host's namespace by default: there the levels below would build their cgroups beside level 1's,
    among the host's, where they would outlive a kicked chain. Raises OSError.
    """
    if all(line.split(":", 2)[2] == "/" for line in membership.splitlines()):
        return False
    if _libc.unshare(_CLONE_NEWCGROUP) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "cgroup namespace")
    return True


def plan_mounts(namespace: CgroupNamespace, mounts: Iterable[MountPoint]) -> tuple[Mount, ...]:
    """Return the mount operations that make the cgroup hierarchies among `mounts` writable (v1, hybrid or v2)."""
    hierarchies = [mount for mount in mounts if mount.filesystem in {"cgroup", "cgroup2"}]
    if namespace is CgroupNamespace.PRIVATE:
        return tuple(RemountWritable(target=mount.target) for mount in hierarchies)
    return tuple(
        RemountCgroup(
            target=mount.target,
            filesystem=mount.filesystem,
            options=hierarchy_name(mount) if mount.filesystem == "cgroup" else None,
        )
        for mount in hierarchies
    )


def hierarchy_name(mount: MountPoint) -> str:
    """Return the mount option that selects the v1 hierarchy: its controllers, or `name=systemd` and the like."""
    flags = {"rw", "ro", "xattr", "noprefix", "clone_children", "cpuset_v2_mode", "seclabel"}
    names = [option for option in mount.super_options if option not in flags and "release_agent" not in option]
    # A hierarchy without controllers is mounted with the option "none" (cgroup-v1/cgroups.rst).
    return ",".join(["none", *names] if any(name.startswith("name=") for name in names) else names)


def delegate_controllers(root: Path = _ROOT) -> None:
    """On v2, move every process of `root` into a leaf and hand all controllers to the children of `root`.

    A cgroup with processes of its own cannot give controllers to children (EBUSY; cgroup-v2.rst, "No Internal Process
    Constraint"), and a `docker exec` can add one at any time: hence the retries, for a second. Raises OSError.
    """
    if not (root / "cgroup.controllers").exists():
        return
    retry(lambda: _try_to_delegate(root), errors=_RootBusy, limit_s=_EVACUATION_LIMIT_S, pause_s=_EVACUATION_PAUSE_S)


class _RootBusy(OSError):
    """A process has entered the root cgroup meanwhile."""


def _try_to_delegate(root: Path) -> None:
    leaf = root / _LEAF
    leaf.mkdir(exist_ok=True)
    for process in (root / "cgroup.procs").read_text().split():
        try:
            (leaf / "cgroup.procs").write_text(process)
        except ProcessLookupError:
            continue  # It ended meanwhile.
    controllers = (root / "cgroup.controllers").read_text().split()
    try:
        (root / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in controllers))
    except OSError as error:
        if error.errno == errno.EBUSY:
            raise _RootBusy(errno.EBUSY, "processes keep entering the root cgroup", str(root)) from error
        raise
