"""Creates the container of a level: the client that of level 1, each runner that of its child level."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any, Protocol, TypeAlias

from inception.level.api.client import EngineApi, NotFoundError
from inception.plan.chain import LABEL_CHAIN, LABEL_LEVEL, CgroupNamespace, ChainPlan, LevelPlan
from inception.plan.engine.early import databases_in_memory, early_steps
from inception.plan.engine.seeds import SeedPlan
from inception.plan.paths import DATA_ROOT, DATABASES_DIRECTORY, IMAGE_DIRECTORY, MOUNTS_DIRECTORY, SEEDS_DIRECTORY
from inception.plan.pids import PidNamespace
from inception.plan.privileges import Privileges
from inception.plan.protocol import Program, Variable
from inception.plan.request import NetworkMode, Storage
from inception.plan.run_root import RunRootSource

_NANO = 10**9
# All levels' tasks count as level 1's. Podman allows 2048 unless told otherwise, and systemd 15 % of what the kernel
# allows (DefaultTasksMax=), which Docker's own "unlimited" leaves in place (moby issue 45188). -1, crun 1.8 writes as
# it is, which the kernel refuses. So the greatest number is asked for by name: PID_MAX_LIMIT, include/linux/threads.h.
_GREATEST_PID = 4194304
_UNKNOWN_CAPABILITY = re.compile(r"unknown capability: \"?(?:CAP_)?(?P<name>[A-Z_]+)")
# tini reaps orphans, also where it is not process 1 (-s): the daemons' children in a shared PID namespace.
# The shell opens the runner's log, so that its first error is in there, too.
_SCRIPT = f'PYTHONPATH="$0" exec python3 -S -m {Program.RUNNER} "$2" "$3" >>"$1" 2>&1'
_ENTRYPOINT = ("tini", "-s", "--", "sh", "-c", _SCRIPT)
Mount: TypeAlias = dict[str, Any]
"""A mount in the form of the API."""
_DATABASES_LIMIT = 128 << 20
"""Bytes of an engine's databases in memory at most; a level's take half a megabyte."""


class ContainerMaker(Protocol):
    """A client of an engine: that of the Docker SDK, or a runner's own."""

    def create_container_from_config(self, config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        """Create a container as `config` says, in the form of the API; return the answer, with its `Id`."""

    def inspect_container(self, container: str) -> Mapping[str, Any]:
        """Return what the engine knows of a container, in the form of the API."""


def create_level(
    client: ContainerMaker, plan: ChainPlan, number: int, image: str, *, data_volume: str | None = None
) -> str:
    """Create the container of level `number` from `image` in the engine above it; return its id.

    Its data-root is new, or in the volume `data_volume` of that engine. Raises what the client raises where the engine
    refuses.
    """
    level = plan.level(number)

    def create(known: Privileges) -> str:
        config = _config(plan, level, image, known, data_volume)
        return str(client.create_container_from_config(config, level.container)["Id"])

    return with_known_capabilities(plan.privileges, create)


def recreate_level(client: EngineApi, plan: ChainPlan, number: int, image: str) -> str:
    """Create the container of level `number` in place of the one that its engine has, with the same data-root.

    Without one, the level is new. An attempt that was cut short is repeated. Raises one of ENGINE_GONE.
    """
    name, kept = plan.level(number).container, plan.kept(number)
    if _exists(client, kept):
        if _exists(client, name):
            client.remove(name, volumes=False)
    elif _exists(client, name):
        client.rename(name, kept)
    else:
        return create_level(client, plan, number, image)
    created = create_level(client, plan, number, image, data_volume=data_volume_of(client, kept))
    client.remove(kept, volumes=False)
    return created


def data_volume_of(client: ContainerMaker, container: str) -> str | None:
    """Return the volume that a level's container has its data-root in; None if it is a tmpfs.

    Raises what the client raises where the engine refuses.
    """
    mounts = client.inspect_container(container)["Mounts"]
    places = {str(DATA_ROOT), str(IMAGE_DIRECTORY)}
    return next((it["Name"] for it in mounts if it["Type"] == "volume" and it["Destination"] in places), None)


def _exists(client: EngineApi, container: str) -> bool:
    try:
        client.inspect_container(container)
    except NotFoundError:
        return False
    return True


def with_known_capabilities(privileges: Privileges, create: Callable[[Privileges], str]) -> str:
    """Return what `create` returns for those of `privileges` that the engine knows, which may be older than the kernel.

    Raises what `create` raises for any other reason.
    """
    while True:
        try:
            return create(privileges)
        except Exception as error:
            unknown = _UNKNOWN_CAPABILITY.search(str(error))
            if unknown is None or unknown["name"] not in privileges.capabilities:
                raise
            known = tuple(name for name in privileges.capabilities if name != unknown["name"])
            privileges = Privileges(privileged=False, capabilities=known)


def _config(
    plan: ChainPlan, level: LevelPlan, image: str, privileges: Privileges, data_volume: str | None
) -> dict[str, Any]:
    labels = {LABEL_CHAIN: plan.name, LABEL_LEVEL: str(level.number)}
    environment = {
        **plan.environment,
        Variable.PLAN: str(plan.paths.plan),
        Variable.CHAIN: plan.name,
        Variable.LEVEL: str(level.number),
        Variable.DEPTH: str(plan.depth),
        Variable.IMAGE: plan.seed_of(level.number).image,
    }
    return {
        "Image": image,
        "Hostname": level.hostname,
        "Entrypoint": [
            *_ENTRYPOINT,
            str(plan.paths.payload),
            str(plan.paths.log(level.number, "runner")),
            str(level.number),
            ",".join(early_steps(plan, level.number)),
        ],
        "Env": [f"{name}={value}" for name, value in environment.items()],
        "Labels": labels,
        "StopTimeout": stop_timeout_s(plan, level.number),
        "HostConfig": _host_config(plan, level, privileges, labels, data_volume),
    }


def stop_timeout_s(plan: ChainPlan, number: int) -> int:
    """Return the seconds that level `number` may take to end: it waits for all levels below, and a CPU for each."""
    return int(plan.limits.level_stop_s * (len(plan.shape.below(number)) + 1)) + 1


def _host_config(
    plan: ChainPlan, level: LevelPlan, privileges: Privileges, labels: dict[str, str], data_volume: str | None
) -> dict[str, Any]:
    outermost = level.number == 1
    # Podman's Docker API (4.3) passes over DeviceCgroupRules, MaskedPaths and ReadonlyPaths. Its --privileged implies
    # all three, and gives what Podman itself holds: unlike Docker's it asks for no capability beyond that.
    by_podman = plan.podman and outermost
    resources = level.resources
    wanted: dict[str, Any] = {
        "Privileged": privileges.privileged or by_podman,
        "Memory": resources.memory,
        "NanoCpus": None if resources.cpus is None else round(resources.cpus * _NANO),
        "PidsLimit": resources.pids or (_GREATEST_PID if outermost else None),
        "ShmSize": resources.shm_size,
        "CapAdd": list(privileges.capabilities),
        "SecurityOpt": ["seccomp=unconfined", "apparmor=unconfined", "label=disable"],
        "DeviceCgroupRules": ["a *:* rwm"],
        "Mounts": _mounts(plan, level, labels, data_volume),
        "Tmpfs": _memory(plan),
        # To an engine, `host` is the namespace of the level that the engine runs in.
        "PidMode": "host" if level.pid_namespace is PidNamespace.SHARED else None,
        "NetworkMode": _network_mode(plan, level),
        "Dns": list(plan.dns),
        # The levels below end with level 1's data-root: removing each on its own would be work done twice.
        "AutoRemove": outermost,
        "LogConfig": {"Type": "none", "Config": {}},
        # One ulimit in a request makes Podman forget those that its containers.conf sets, where they are at their most.
        "Ulimits": None if by_podman else [_open_files(plan)],
    }
    return {
        # What is not wanted is left to the engine.
        **{name: value for name, value in wanted.items() if value},
        "CgroupnsMode": "host" if level.cgroup_namespace is CgroupNamespace.SHARED else "private",
        # The API's form of `--security-opt systempaths=unconfined`.
        "MaskedPaths": [],
        "ReadonlyPaths": [],
    }


def _memory(plan: ChainPlan) -> dict[str, str]:
    databases = {str(DATABASES_DIRECTORY): f"mode=700,size={_DATABASES_LIMIT}"} if databases_in_memory(plan) else {}
    return {"/run": "mode=755", **databases}


def _open_files(plan: ChainPlan) -> dict[str, Any]:
    return {"Name": "nofile", "Soft": plan.open_files_limit, "Hard": plan.open_files_limit}


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
        return _volume(directory, seed.volume, read_only=True)
    return bind(directory, directory, read_only=True)


def _host_mounts(plan: ChainPlan, level: LevelPlan) -> list[Mount]:
    """Return the binds of the host's directories: level 1's from the host, a deeper one's from its parent at once."""
    if not plan.mounts:
        return []
    carried = str(MOUNTS_DIRECTORY)
    private = {"Propagation": "rprivate"}
    if level.number > 1:
        return [_mount("bind", carried, carried, BindOptions=private)]
    return [
        _mount("bind", f"{carried}/{index}", mount.source, read_only=mount.read_only, BindOptions=private)
        for index, mount in enumerate(plan.mounts)
    ]


def _shared(plan: ChainPlan, level: LevelPlan, directory: str, labels: dict[str, str]) -> Mount:
    if level.number > 1:
        return bind(directory, directory)
    if plan.remote:
        return _volume(directory, labels=labels)
    source = plan.run_root_source or RunRootSource(path=directory)
    if source.volume:
        return _volume(directory, source.path)
    return bind(source.path, directory)


def _data_root(level: LevelPlan, labels: dict[str, str], volume: str | None) -> Mount:
    storage = level.storage
    if storage.kind is Storage.TMPFS:
        return _mount("tmpfs", str(DATA_ROOT), None, TmpfsOptions={"SizeBytes": storage.size} if storage.size else {})
    # An ext4 image lies on the volume, and `open_storage` mounts it.
    target = IMAGE_DIRECTORY if storage.kind is Storage.LOOPBACK else DATA_ROOT
    return _volume(str(target), volume, labels=None if volume else labels)


def _volume(
    target: str, name: str | None = None, *, labels: dict[str, str] | None = None, read_only: bool = False
) -> Mount:
    options = {"NoCopy": True, **({"Labels": labels} if labels else {})}
    return _mount("volume", target, name, read_only=read_only, VolumeOptions=options)


def bind(source: str, target: str, *, read_only: bool = False) -> Mount:
    """Return a bind mount without the mounts below `source`, so that no level inherits those of all levels above."""
    options = {"NonRecursive": True, "Propagation": "private"}
    return _mount("bind", target, source, read_only=read_only, BindOptions=options)


def _mount(kind: str, target: str, source: str | None, *, read_only: bool = False, **options: object) -> Mount:
    return {"Type": kind, "Target": target, "Source": source, "ReadOnly": read_only, **options}
