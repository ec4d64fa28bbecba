"""Facts about the host and its engine, read before anything is planned."""

from __future__ import annotations

from inception.plan.engine.preloads import Preload
from inception.plan.engine.proxies import Proxies
from inception.plan.engine.seeds import ImageFacts, SeedPlan
from inception.plan.light_dataclasses import dataclass
from inception.plan.run_root import RunRootSource


@dataclass(frozen=True, kw_only=True)
class EngineFacts:
    """Facts of the level-0 engine, as it describes itself (`GET /info`, `GET /version`).

    `local` engines see the client's run root; the run directory reaches a remote one by its API.
    `capabilities` are those that its containers can be given, without the `CAP_` prefix, in upper case.
    `hides_proxy`: it has a proxy with a password, which it does not tell, and which `proxies` therefore lacks.
    `privileged` says whether it can start a `--privileged` container, `podman` that it is a Podman behind Docker's API.
    `runs_client`: the client runs in a container of this engine.
    """

    endpoint: str
    name: str
    version: str
    api_version: str
    local: bool
    cgroup_version: int
    cgroup_driver: str
    storage_driver: str
    data_root: str
    capabilities: tuple[str, ...]
    privileged: bool
    security_options: tuple[str, ...]
    networks: tuple[str, ...]
    podman: bool = False
    proxies: Proxies | None = None
    hides_proxy: bool = False
    registry_mirrors: tuple[str, ...] = ()
    insecure_registries: tuple[str, ...] = ()
    runs_client: bool = False


@dataclass(frozen=True, kw_only=True)
class HostFacts:
    """Facts of the engine's machine. Sizes are in bytes; `None` means that it could not be read from here.

    `pid_namespaces_free` is how many PID namespaces can still be nested inside the one the engine's containers start
    from, `tasks_free` how many processes and threads can still be started. `routes` are the destinations (CIDR) that
    the host routes. `mtu` is that of the route outward. `data_root_carries_overlay` says whether an overlay can have
    its upper directory on the engine's data-root, checked there. `disk_free` and `inodes_free` are those of the
    data-root, where volumes are; `image_disk_free` and `image_inodes_free` are those where containerd keeps the images,
    None if that is the same file system.
    """

    kernel: str
    cpus: int
    pid_namespaces_free: int
    routes: tuple[str, ...]
    mtu: int
    resolvers: tuple[str, ...]
    memory_available: int | None
    disk_free: int | None
    inodes_free: int | None
    open_files_limit: int
    data_root_carries_overlay: bool
    owner_uid: int
    owner_gid: int
    tasks_free: int | None = None
    image_disk_free: int | None = None
    image_inodes_free: int | None = None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """All facts that a plan is made from: `images` are those at level 0, `seeds` those that are there already.

    `preloads` are those asked for; without any, those of the seeds count.
    `run_root_source` is None where the engine sees the run root at the same path as the client.
    """

    engine: EngineFacts
    host: HostFacts
    run_root: str
    images: tuple[ImageFacts, ...] = ()
    seeds: tuple[SeedPlan, ...] = ()
    preloads: tuple[Preload, ...] = ()
    run_root_source: RunRootSource | None = None
