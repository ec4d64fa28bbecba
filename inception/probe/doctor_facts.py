"""All that `doctor` judges: the facts that a plan is made from, and the limits of the machine behind them."""

from __future__ import annotations

from dataclasses import dataclass

from inception.plan.facts import EngineFacts, HostFacts


@dataclass(frozen=True, kw_only=True)
class Usage:
    """How many there may be of something, and how many there are."""

    limit: int
    used: int

    @property
    def free(self) -> int:
        return max(self.limit - self.used, 0)


@dataclass(frozen=True, kw_only=True)
class CgroupLimits:
    """The control groups as the engine sees them.

    `hierarchies` are the v1 ones, each the tuple of its controllers (a named one, as systemd's, has none);
    `controllers` are those that v2 offers at the engine's root, None without v2; `kind` is that root's `cgroup.type`.
    """

    hierarchies: tuple[tuple[str, ...], ...] = ()
    controllers: tuple[str, ...] | None = None
    kind: str | None = None


@dataclass(frozen=True, kw_only=True)
class NetworkLimits:
    """`iptables` is the flavour of the program, `legacy_tables` those in the kernel's old interface."""

    iptables: str | None
    legacy_tables: tuple[str, ...]
    forwarding: bool | None


@dataclass(frozen=True, kw_only=True)
class LoopDevices:
    """`driver` says whether the kernel has it by now (using it may load it), `attached` what devices are bound to."""

    driver: bool
    control_node: bool
    attached: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class HostLimits:
    """What the kernel of the engine's machine allows beyond what a plan is made from; None where it does not say.

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
    """What could be found out. Without an `engine`, `silence` says why; the machine is then the one we run on.

    `host` and `limits` are None where the machine could not be read, and `unread` says why. `now_s` is Unix time here.
    """

    engine: EngineFacts | None
    engine_error: str | None
    host: HostFacts | None
    limits: HostLimits | None
    machine_error: str | None
    now_s: float
