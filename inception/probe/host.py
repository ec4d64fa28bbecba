"""Read the engine's machine, through the engine's process."""

from __future__ import annotations

import os
import subprocess
from contextlib import nullcontext
from pathlib import Path

from inception.plan.facts import HostFacts
from inception.plan.light_dataclasses import dataclass
from inception.probe import machine, network, overlay, pids
from inception.probe.image_store import read_image_space
from inception.probe.namespaces import at_home

_CAP_SYS_RESOURCE = 24


class NotAllowed(Exception):
    """Error: this user may not read a fact that a plan needs; a container of the engine could."""


@dataclass(frozen=True, kw_only=True)
class MachineReading:
    """Facts of the machine, and the engine's capability bounding set as a bit mask."""

    host: HostFacts
    bounding_set: int


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Engine whose machine is to be read: its process id and data-root, and the user who will own the chain's files.

    `containerd` is the socket of the containerd that keeps its images, None if it keeps them in its data-root.
    """

    daemon: int
    data_root: str
    storage_driver: str
    owner_uid: int
    owner_gid: int
    containerd: str | None = None

    @property
    def process(self) -> Path:
        """Directory of the engine's process in /proc."""
        return Path("/proc") / str(self.daemon)

    @property
    def root(self) -> Path:
        """File system as the engine sees it, or this process's own if this user may not enter that one."""
        root = self.process / "root"
        return root if os.access(root / "etc", os.R_OK) else Path("/")


def read_host(subject: Subject, nesting: subprocess.Popen[str] | None = None) -> MachineReading:
    """Read this machine. `nesting` is a trial of `pids.nesting_pids` that has begun already.

    Raises NotAllowed, and OSError where /proc is not as Linux has it.
    """
    process = subject.process
    begun = pids.nesting_pids() if nesting is None else nullcontext(nesting)
    with begun as pid_trial, overlay.trying_overlay(subject.data_root, process) as trial:
        bounding_set = machine.parse_bounding_set((process / "status").read_text())
        space = _free_space(subject)
        # A private engine has a network namespace of its own, whose packets are routed through this one.
        in_network = at_home(process, "net")
        routed = (*network.read_destinations(in_network), *network.read_destinations(Path("/proc/self")))
        mtu = network.read_mtu(in_network)
        resolvers = network.read_resolvers(subject.root)
        memory = machine.read_memory_available(subject.root)
        may_raise = bool(bounding_set >> _CAP_SYS_RESOURCE & 1)
        open_files = machine.read_open_files_limit(process, may_raise=may_raise)
        free = pids.nested(pid_trial)
        image_space = _image_space(subject)
        carries = overlay.worked(trial) if trial else _has_overlays(subject)
    if free is None:
        raise NotAllowed("this user may not create PID namespaces")
    return MachineReading(
        host=HostFacts(
            kernel=os.uname().release,
            cpus=len(os.sched_getaffinity(0)),
            pid_namespaces_free=free - pids.levels_below(process),
            routes=tuple(dict.fromkeys(routed)),
            mtu=mtu,
            resolvers=resolvers,
            memory_available=memory,
            disk_free=space.bytes if space else None,
            inodes_free=space.inodes if space else None,
            image_disk_free=image_space.bytes if image_space else None,
            image_inodes_free=image_space.inodes if image_space else None,
            open_files_limit=open_files,
            data_root_carries_overlay=carries,
            owner_uid=subject.owner_uid,
            owner_gid=subject.owner_gid,
            tasks_free=machine.read_tasks_free(subject.root),
        ),
        bounding_set=bounding_set,
    )


def _image_space(subject: Subject) -> machine.FreeSpace | None:
    if subject.containerd is None:
        return None
    return read_image_space(subject.process, subject.containerd, subject.data_root)


def _has_overlays(subject: Subject) -> bool:
    """Return whether the engine has overlays on its data-root already. Raises NotAllowed if that is unknown."""
    if subject.containerd is not None:
        raise NotAllowed("this user may not try an overlay on the data-root")
    return subject.storage_driver.startswith("overlay")


def _free_space(subject: Subject) -> machine.FreeSpace | None:
    try:
        return machine.read_free_space(subject.process / "root" / subject.data_root.lstrip("/"))
    except OSError:
        return None
