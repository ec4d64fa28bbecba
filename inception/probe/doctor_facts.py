"""Types of the facts that `doctor` judges: those that a plan is made from, and the limits of the machine."""

from __future__ import annotations

from inception.plan.facts import EngineFacts, HostFacts
from inception.plan.light_dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Limit of a resource, and the amount in use."""

    limit: int
    used: int

    @property
    def free(self) -> int:
        """Amount that is left, 0 at least."""
        return max(self.limit - self.used, 0)


@dataclass(frozen=True, kw_only=True)
class CgroupLimits:
    """Control groups as the engine sees them.

    `hierarchies` are the v1 ones, each the tuple of its controllers (a named one, as systemd's, has none);
    `controllers` are those that v2 offers at the engine's root, None without v2; `kind` is that root's `cgroup.type`.
    """

    hierarchies: tuple[tuple[str, ...], ...] = ()
    controllers: tuple[str, ...] | None = None
    kind: str | None = None


@dataclass(frozen=True, kw_only=True)
class NetworkLimits:
    """Packet filter and forwarding: `iptables` is the program's flavour, `legacy_tables` those of the old interface."""

    iptables: str | None
    legacy_tables: tuple[str, ...]
    forwarding: bool | None


@dataclass(frozen=True, kw_only=True)
class LoopDevices:
    """Loop devices: `driver` is whether the kernel has loaded it (use may load it), `attached` the backing files."""

    driver: bool
    control_node: bool
    attached: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class HostLimits:
    """Limits of the machine's kernel that a plan does not depend on; None if the kernel does not report one.

    `namespaces` is the least of the limits on namespaces of one kind for one user. `clock_s` is Unix time there.
    """

    bounding_set: int
    last_capability: int
    user_namespaces: int | None
    namespaces: int | None
    mounts: Usage | None
    inotify_instances: Usage | None
    inotify_watches: int | None
    keys: Usage | None
    ptys: Usage | None
    open_files: Usage | None
    loop: LoopDevices
    cgroups: CgroupLimits
    network: NetworkLimits
    apparmor: bool
    selinux: str | None
    clock_s: float


@dataclass(frozen=True, kw_only=True)
class DoctorFacts:
    """Facts for `doctor`. `engine` is None if none answers (see `engine_error`); the machine is then this one.

    `host` and `limits` are None if the machine cannot be read (see `machine_error`). `now_s` is Unix time here.
    """

    engine: EngineFacts | None
    engine_error: str | None
    host: HostFacts | None
    limits: HostLimits | None
    machine_error: str | None
    now_s: float
