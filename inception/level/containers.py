"""Creates the container of a level: the client that of level 1, each runner that of its child level."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

import docker
from docker.types import LogConfig, Mount, Ulimit

from inception.plan.chain import LABEL_CHAIN, LABEL_LEVEL, CgroupNamespace, ChainPlan, LevelPlan
from inception.plan.engine.seeds import SeedPlan
from inception.plan.facts import RunRootSource
from inception.plan.paths import DATA_ROOT, IMAGE_DIRECTORY, MOUNTS_DIRECTORY, SEEDS_DIRECTORY
from inception.plan.pids import PidNamespace
from inception.plan.privileges import Privileges
from inception.plan.protocol import Program, Variable
from inception.plan.request import NetworkMode, Storage

_NANO = 10**9
# All levels' tasks count as level 1's. Podman allows 2048 unless told otherwise, and systemd 15 % of what the kernel
# allows (DefaultTasksMax=), which Docker's own "unlimited" leaves in place (moby issue 45188). -1, crun 1.8 writes as
# it is, which the kernel refuses. So the greatest number is asked for by name: PID_MAX_LIMIT, include/linux/threads.h.
_GREATEST_PID = 4194304
_UNKNOWN_CAPABILITY = re.compile(r"unknown capability: \"?(?:CAP_)?(?P<name>[A-Z_]+)")
# tini reaps orphans, also where it is not process 1 (-s): the daemons' children in a shared PID namespace.
# The shell opens the runner's log, so that its first error is in there, too.
_ENTRYPOINT = ("tini", "-s", "--", "sh", "-c", f'PYTHONPATH="$0" exec python3 -m {Program.RUNNER} "$1" >>"$2" 2>&1')


def create_level(
    client: docker.APIClient, plan: ChainPlan, number: int, image: str, *, data_volume: str | None = None
) -> str:
    """Create the container of level `number` from `image` in the engine above it; return its id.

    Its data-root is new, or in the volume `data_volume` of that engine. Raises docker.errors.APIError.
    """
    level = plan.level(number)
    return with_known_capabilities(
        plan.privileges, lambda known: _create(client, plan, level, image, known, data_volume=data_volume)
    )


def recreate_level(client: docker.APIClient, plan: ChainPlan, number: int, image: str) -> str:
    """Create the container of level `number` in place of the one that its engine has, with the same data-root.

    Without one, the level is new. An attempt that was cut short is repeated. Raises docker.errors.APIError.
    """
    name, kept = plan.level(number).container, plan.kept(number)
    if _exists(client, kept):
        if _exists(client, name):
            client.remove_container(name, force=True)
    elif _exists(client, name):
        client.rename(name, kept)
    else:
        return create_level(client, plan, number, image)
    created = create_level(client, plan, number, image, data_volume=data_volume_of(client, kept))
    client.remove_container(kept)
    return created


def data_volume_of(client: docker.APIClient, container: str) -> str | None:
    """Return the volume that a level's container has its data-root in; None if it is a tmpfs. Raises APIError."""
    mounts = client.inspect_container(container)["Mounts"]
    places = {str(DATA_ROOT), str(IMAGE_DIRECTORY)}
    return next((it["Name"] for it in mounts if it["Type"] == "volume" and it["Destination"] in places), None)


def _exists(client: docker.APIClient, container: str) -> bool:
    try:
        client.inspect_container(container)
    except docker.errors.NotFound:
        return False
    return True


def with_known_capabilities(privileges: Privileges, create: Callable[[Privileges], str]) -> str:
    """Return what `create` returns for those of `privileges` that the engine knows, which may be older than the kernel.

    Raises docker.errors.APIError.
    """
    while True:
        try:
            return create(privileges)
        except docker.errors.APIError as error:
            unknown = _UNKNOWN_CAPABILITY.search(str(error))
            if unknown is None or unknown["name"] not in privileges.capabilities:
                raise
            known = tuple(name for name in privileges.capabilities if name != unknown["name"])
            privileges = Privileges(privileged=False, capabilities=known)


def _create(
    client: docker.APIClient,
    plan: ChainPlan,
    level: LevelPlan,
    image: str,
    privileges: Privileges,
    *,
    data_volume: str | None,
) -> str:
    labels = {LABEL_CHAIN: plan.name, LABEL_LEVEL: str(level.number)}
    created = client.create_container(
        image=image,
        name=level.container,
        hostname=level.hostname,
        entrypoint=[
            *_ENTRYPOINT,
            str(plan.paths.payload),
            str(level.number),
            str(plan.paths.log(level.number, "runner")),
        ],
        environment={
            **plan.environment,
            Variable.PLAN: str(plan.paths.plan),
            Variable.CHAIN: plan.name,
            Variable.LEVEL: str(level.number),
            Variable.DEPTH: str(plan.depth),
            Variable.IMAGE: plan.seed_of(level.number).image,
        },
        labels=labels,
        stop_timeout=stop_timeout_s(plan, level.number),
        host_config=_host_config(client, plan, level, privileges, labels, data_volume=data_volume),
    )
    return str(created["Id"])


def stop_timeout_s(plan: ChainPlan, number: int) -> int:
    """Return the seconds that level `number` may take to end: it waits for all levels below, and a CPU for each."""
    return int(plan.limits.level_stop_s * (len(plan.shape.below(number)) + 1)) + 1


def _host_config(
    client: docker.APIClient,
    plan: ChainPlan,
    level: LevelPlan,
    privileges: Privileges,
    labels: dict[str, str],
    *,
    data_volume: str | None,
) -> dict[str, Any]:
    outermost = level.number == 1
    # Podman's Docker API (4.3) passes over DeviceCgroupRules, MaskedPaths and ReadonlyPaths. Its --privileged implies
    # all three, and gives what Podman itself holds: unlike Docker's it asks for no capability beyond that.
    by_podman = plan.podman and outermost
    # To an engine, `host` is the namespace of the level that the engine runs in.
    config: dict[str, Any] = client.create_host_config(
        privileged=privileges.privileged or by_podman,
        mem_limit=level.resources.memory,
        nano_cpus=None if level.resources.cpus is None else round(level.resources.cpus * _NANO),
        pids_limit=level.resources.pids or (_GREATEST_PID if outermost else None),
        shm_size=level.resources.shm_size,
        cap_add=list(privileges.capabilities) or None,
        security_opt=["seccomp=unconfined", "apparmor=unconfined", "label=disable"],
        device_cgroup_rules=["a *:* rwm"],
        mounts=_mounts(plan, level, labels, data_volume),
        tmpfs={"/run": "mode=755"},
        pid_mode="host" if level.pid_namespace is PidNamespace.SHARED else None,
        network_mode=_network_mode(plan, level),
        dns=list(plan.dns) or None,
        # The levels below end with level 1's data-root: removing each on its own would be work done twice.
        auto_remove=outermost,
        log_config=LogConfig(type=LogConfig.types.NONE),
        # One ulimit in a request makes Podman forget those that its containers.conf sets, where they are at their most.
        ulimits=None if by_podman else [_open_files(plan)],
    )
    config["CgroupnsMode"] = "host" if level.cgroup_namespace is CgroupNamespace.SHARED else "private"
    # The API's form of `--security-opt systempaths=unconfined`.
    config["MaskedPaths"] = []
    config["ReadonlyPaths"] = []
    return config


def _open_files(plan: ChainPlan) -> Ulimit:
    return Ulimit(name="nofile", soft=plan.open_files_limit, hard=plan.open_files_limit)


def _network_mode(plan: ChainPlan, level: LevelPlan) -> str:
    # Level 1 keeps a network of its own even then: what the levels do to it ends with them.
    if plan.network is NetworkMode.HOST and level.number == 1:
        return NetworkMode.BRIDGE
    return plan.network


def _mounts(plan: ChainPlan, level: LevelPlan, labels: dict[str, str], data_volume: str | None) -> list[Mount]:
    outermost = level.number == 1
    run_directory = PurePosixPath(plan.run_directory)
    # Level 1 sees the run root, so that it can remove the chain's directory when nobody is left outside to do so.
    shared = run_directory.parent if outermost else run_directory
    seeds = [_seed(level, seed) for seed in plan.seeds if seed.home < level.number]
    data_root = _data_root(level, labels, data_volume)
    return [_shared(plan, level, str(shared), labels), *seeds, data_root, *_host_mounts(plan, level)]


def _seed(level: LevelPlan, seed: SeedPlan) -> Mount:
    directory = str(SEEDS_DIRECTORY / seed.volume)
    if seed.home == level.above:
        return Mount(directory, seed.volume, type="volume", read_only=True, no_copy=True)
    return bind(directory, directory, read_only=True)


def _host_mounts(plan: ChainPlan, level: LevelPlan) -> list[Mount]:
    """Return the binds of the host's directories: level 1's from the host, a deeper one's from its parent at once."""
    if not plan.mounts:
        return []
    carried = str(MOUNTS_DIRECTORY)
    if level.number > 1:
        return [Mount(carried, carried, type="bind", propagation="rprivate")]
    return [
        Mount(f"{carried}/{index}", mount.source, type="bind", read_only=mount.read_only, propagation="rprivate")
        for index, mount in enumerate(plan.mounts)
    ]


def _shared(plan: ChainPlan, level: LevelPlan, directory: str, labels: dict[str, str]) -> Mount:
    if level.number > 1:
        return bind(directory, directory)
    if plan.remote:
        return Mount(directory, None, type="volume", labels=labels, no_copy=True)
    source = plan.run_root_source or RunRootSource(path=directory)
    if source.volume:
        return Mount(directory, source.path, type="volume", no_copy=True)
    return bind(source.path, directory)


def _data_root(level: LevelPlan, labels: dict[str, str], volume: str | None) -> Mount:
    storage = level.storage
    if storage.kind is Storage.TMPFS:
        return Mount(str(DATA_ROOT), None, type="tmpfs", tmpfs_size=storage.size)
    # An ext4 image lies on the volume, and `open_storage` mounts it.
    target = IMAGE_DIRECTORY if storage.kind is Storage.LOOPBACK else DATA_ROOT
    return Mount(str(target), volume, type="volume", labels=None if volume else labels, no_copy=True)


def bind(source: str, target: str, *, read_only: bool = False) -> Mount:
    """Return a bind mount without the mounts below `source`, so that no level inherits those of all levels above."""
    mount = Mount(target, source, type="bind", read_only=read_only)
    mount["BindOptions"] = {"NonRecursive": True, "Propagation": "private"}
    return mount
