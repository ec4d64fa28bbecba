"""All that is read on the engine's own machine, through the engine's process."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from inception.plan.facts import HostFacts
from inception.probe import machine, network, overlay, pids

_CAP_SYS_RESOURCE = 24


class NotAllowed(Exception):
    """What must be known cannot be read with our own rights; a container of the engine could."""


@dataclass(frozen=True, kw_only=True)
class MachineReading:
    """Facts of the machine, and the engine's capability bounding set as a bit mask."""

    host: HostFacts
    bounding_set: int


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Whose machine to read: the engine's process and data-root, and who asks."""

    daemon: int
    data_root: str
    storage_driver: str
    owner_uid: int
    owner_gid: int

    @property
    def process(self) -> Path:
        return Path("/proc") / str(self.daemon)

    @property
    def root(self) -> Path:
        """The file system as the engine sees it, or our own where only root may look through its process."""
        root = self.process / "root"
        return root if os.access(root / "etc", os.R_OK) else Path("/")


def read_host(subject: Subject) -> MachineReading:
    """Read this machine. Raises NotAllowed, and OSError where /proc is not as Linux has it."""
    process = subject.process
    with pids.nesting_pids() as nesting, overlay.trying_overlay(subject.data_root, process) as trial:
        bounding_set = machine.parse_bounding_set((process / "status").read_text())
        space = _free_space(subject)
        # A private engine has a network of its own, and the way out leads through ours.
        routed = (*network.read_destinations(process), *network.read_destinations(Path("/proc/self")))
        mtu = network.read_mtu(process)
        resolvers = network.read_resolvers(subject.root)
        memory = machine.read_memory_available(subject.root)
        may_raise = bool(bounding_set >> _CAP_SYS_RESOURCE & 1)
        open_files = machine.read_open_files_limit(process, may_raise=may_raise)
        free = pids.nested(nesting)
        # An engine that runs on the overlay driver already has one on its data-root.
        carries = overlay.worked(trial) if trial else subject.storage_driver.startswith("overlay")
    if free is None:
        raise NotAllowed("this user may make no PID namespaces")
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
            open_files_limit=open_files,
            data_root_carries_overlay=carries,
            owner_uid=subject.owner_uid,
            owner_gid=subject.owner_gid,
            tasks_free=machine.read_tasks_free(subject.root),
        ),
        bounding_set=bounding_set,
    )


def _free_space(subject: Subject) -> machine.FreeSpace | None:
    try:
        return machine.read_free_space(subject.process / "root" / subject.data_root.lstrip("/"))
    except OSError:
        return None
