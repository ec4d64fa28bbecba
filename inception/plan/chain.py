"""The plan of a chain: everything that will be done, decided before anything is touched."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, ip_address
from math import inf
from pathlib import PurePosixPath

from inception.plan import codec
from inception.plan.estimate import USUAL_IMAGE_SIZE, Estimate, budgets, estimate, tightest
from inception.plan.facts import Facts
from inception.plan.limits import TimeLimits
from inception.plan.network import DEFAULT_POOL, PoolTooSmall, Subnet, cut_subnets, cut_subnets_somewhere, packet_ttl
from inception.plan.paths import SOCKET_PATH_LIMIT, RunDirectory
from inception.plan.pids import PidNamespace, TooFewPidNamespaces, assign_pid_namespaces
from inception.plan.privileges import Privileges, choose_privileges
from inception.plan.request import NAME_LIMIT, ImageTransfer, NetworkMode, PidMode, Request, Storage, is_name
from inception.plan.size import MIB, show_size
from inception.plan.storage import LevelStorage, NoOverlayOnVolumes, StorageTooSmall, assign_storage, own_data

PLAN_VERSION = 1
LABEL_CHAIN = "inception.chain"
LABEL_LEVEL = "inception.level"
GREATEST_DEPTH = 1000
"""Deeper is refused outright: each level takes some 60 MB of memory, and a plan is a page a level."""
LEAST_MTU = 68
"""Bytes: what every link that carries IPv4 must take (RFC 791)."""
GREATEST_MTU = 65535


class CgroupNamespace(StrEnum):
    """One level's cgroup namespace: its own, or that of the level above."""

    PRIVATE = "private"
    SHARED = "shared"


class Refusal(ValueError):
    """The plan cannot be made: `str(refusal)` says why, `remedy` what to do. `usage` if the request itself is wrong."""

    def __init__(self, message: str, *, remedy: str, usage: bool = False) -> None:
        super().__init__(message)
        self.remedy = remedy
        self.usage = usage


@dataclass(frozen=True, kw_only=True)
class LevelPlan:
    """One level of a chain: number 1 is the outermost. `container` is its container's name in the engine above."""

    number: int
    container: str
    hostname: str
    pid_namespace: PidNamespace
    cgroup_namespace: CgroupNamespace
    subnet: Subnet
    storage: LevelStorage


@dataclass(frozen=True, kw_only=True)
class ChainPlan:
    """A whole chain. `seed_volume` is the level-0 engine's volume that holds the seed of `image_id`.

    `endpoint` is the address of that engine, `request` what was asked for: a chain that grows is planned from it again.
    A `remote` engine does not see this machine's file system: the run directory lies in a volume of level 1 there.
    `podman` says that level 0 is one, which is asked for level 1 in another way. `restart_engines` has each level start
    its dockerd again when it dies.
    Sizes are in bytes, times in seconds. `owner_uid` and `owner_gid` own the sockets and the run directory.
    """

    version: int = PLAN_VERSION
    name: str
    request: Request
    endpoint: str
    run_directory: str
    image: str
    image_id: str
    image_transfer: ImageTransfer
    seed_volume: str
    privileges: Privileges
    network: NetworkMode
    packet_ttl: int | None
    mtu: int
    dns: tuple[str, ...]
    open_files_limit: int
    limits: TimeLimits
    attached: bool
    ttl_s: float | None
    owner_uid: int
    owner_gid: int
    estimate: Estimate
    levels: tuple[LevelPlan, ...]
    remote: bool = False
    podman: bool = False
    restart_engines: bool = False

    @property
    def depth(self) -> int:
        return len(self.levels)

    @property
    def paths(self) -> RunDirectory:
        return RunDirectory(PurePosixPath(self.run_directory))

    def level(self, number: int) -> LevelPlan:
        """Level `number`, counted from 1."""
        return self.levels[number - 1]

    def to_json(self) -> str:
        return codec.to_json(self, indent=2)

    @classmethod
    def from_json(cls, text: str) -> ChainPlan:
        """Read back what `to_json` wrote. Raises ValueError if it is of another version."""
        fields = json.loads(text)
        version = fields.get("version") if isinstance(fields, dict) else None
        if version != PLAN_VERSION:
            raise ValueError(f"plan version {version!r}, not {PLAN_VERSION}")
        return codec.decode(cls, fields)


def seed_volume_name(image_id: str) -> str:
    """The level-0 volume that holds the seed of an image."""
    return f"inception-seed-{image_id.removeprefix('sha256:')[:12]}"


def plan_chain(request: Request, facts: Facts) -> ChainPlan:
    """Plan the chain that `request` asks for on the host that `facts` describe. Raises Refusal."""
    check_request(request)
    _check_attached(request, facts)
    run_directory = RunDirectory(PurePosixPath(facts.run_root) / request.name)
    _check_socket_paths(run_directory, request.depth)
    pids = _pid_namespaces(request, facts)
    subnets = _subnets(request, facts)
    storage = _storage(request, facts)
    carrier = storage[0].kind if storage else request.storage
    if not request.force:
        _check_fits(request, facts, carrier)
    levels = tuple(
        LevelPlan(
            number=number,
            container=f"inception-{request.name}-{number}",
            hostname=f"{request.name}-{number}",
            pid_namespace=pids[number - 1],
            # Level 1's own namespace is the root that every level below builds its cgroups in, side by side: a cgroup
            # as deep as the chain would make the kernel walk that path at each wake-up and each page.
            cgroup_namespace=CgroupNamespace.PRIVATE if number == 1 else CgroupNamespace.SHARED,
            subnet=subnets[number - 1],
            storage=storage[number - 1],
        )
        for number in range(1, request.depth + 1)
    )
    return ChainPlan(
        name=request.name,
        request=request,
        endpoint=facts.engine.endpoint,
        run_directory=str(run_directory.root),
        image=request.image,
        image_id=facts.image_id,
        image_transfer=request.image_transfer,
        seed_volume=seed_volume_name(facts.image_id),
        privileges=choose_privileges(facts.engine),
        network=request.network,
        packet_ttl=packet_ttl(request.network, request.depth),
        mtu=request.mtu or facts.host.mtu,
        dns=request.dns,
        open_files_limit=facts.host.open_files_limit,
        limits=TimeLimits().scaled(request.patience),
        attached=request.attached,
        ttl_s=request.ttl_s,
        owner_uid=facts.host.owner_uid,
        owner_gid=facts.host.owner_gid,
        estimate=estimate(request.depth, request.image_transfer, carrier, _image_size(facts)),
        levels=levels,
        remote=not facts.engine.local,
        podman=facts.engine.podman,
        restart_engines=request.restart_engines,
    )


def check_request(request: Request) -> None:
    """Raise Refusal for what no host could carry."""
    if not 0 <= request.depth <= GREATEST_DEPTH:
        raise _misuse(f"depth {request.depth} is not between 0 and {GREATEST_DEPTH}", "ask for one with --depth")
    if not is_name(request.name):
        remedy = f"use lower-case letters, digits and inner hyphens, {NAME_LIMIT} at most"
        raise _misuse(f"{request.name!r} cannot name a chain", remedy)
    if not 0 < request.patience < inf:
        raise _misuse(f"patience {request.patience} is not above 0", "use 1 or more")
    if request.headroom < 0:
        raise _misuse(f"headroom {request.headroom} is below 0", "use 0 or more")
    if request.mtu is not None and not LEAST_MTU <= request.mtu <= GREATEST_MTU:
        remedy = f"use {LEAST_MTU} to {GREATEST_MTU} bytes"
        raise _misuse(f"no link has an MTU of {request.mtu}", remedy)
    if request.storage_size is not None and request.storage is Storage.VOLUME:
        raise _misuse("a volume has no size of its own", "leave out the size, or use --storage loopback or tmpfs")
    for address in request.dns:
        if not _is_address(address):
            raise _misuse(f"{address!r} is not the address of a name server", "write it like 192.0.2.53")


def _misuse(message: str, remedy: str) -> Refusal:
    return Refusal(message, remedy=remedy, usage=True)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _check_attached(request: Request, facts: Facts) -> None:
    if not request.attached and not facts.engine.local:
        raise _misuse(
            f"a chain on the far engine {facts.engine.endpoint} ends with the program that started it",
            "stay attached, with: inception --depth N, or use `inception up` on that machine",
        )


def _check_socket_paths(run_directory: RunDirectory, depth: int) -> None:
    longest = str(run_directory.socket(depth))
    if len(longest.encode()) > SOCKET_PATH_LIMIT:
        raise Refusal(
            f"socket path {longest} is longer than {SOCKET_PATH_LIMIT} bytes",
            remedy="use a shorter --name, or a shorter INCEPTION_RUN_ROOT",
        )


def _pid_namespaces(request: Request, facts: Facts) -> tuple[PidNamespace, ...]:
    free = facts.host.pid_namespaces_free
    if request.force and request.pid is PidMode.ISOLATED:
        # Whoever insists runs into the kernel's own limit, to see it.
        free = max(free, request.depth + request.headroom)
    try:
        return assign_pid_namespaces(request.pid, request.depth, free, request.headroom)
    except TooFewPidNamespaces as error:
        raise Refusal(
            f"{error}: {free} are free and --headroom keeps {request.headroom} of them for containers at the bottom",
            remedy=_pid_remedy(error.greatest_depth, free, request.pid),
        ) from error


def _pid_remedy(greatest_depth: int, free: int, mode: PidMode) -> str:
    if mode is PidMode.ISOLATED:
        return f"go {greatest_depth} deep at most, use --pid auto, or see the kernel refuse it with --force"
    if greatest_depth > 0:
        return f"go {greatest_depth} deep at most, or let the deepest levels share with --pid auto"
    if free > 0:
        return f"use --headroom {free - 1}"
    return "start from a host that is nested less deep: the kernel has no PID namespace left for level 1"


def _subnets(request: Request, facts: Facts) -> tuple[Subnet, ...]:
    taken = facts.host.routes + facts.engine.networks
    try:
        if request.pool is None:
            return cut_subnets_somewhere(request.depth, taken)
        return cut_subnets(_pool(request.pool), request.depth, taken)
    except PoolTooSmall as error:
        raise Refusal(
            str(error), remedy=f"give a /{error.needed_prefix} or wider that nothing else uses with --pool"
        ) from error


def _pool(text: str) -> IPv4Network:
    try:
        return IPv4Network(text)
    except ValueError as error:
        raise _misuse(f"pool {text!r} is not an IPv4 network", f"write it like {DEFAULT_POOL}") from error


def _storage(request: Request, facts: Facts) -> tuple[LevelStorage, ...]:
    try:
        return assign_storage(
            request.storage,
            request.depth,
            carries_overlay=facts.host.data_root_carries_overlay,
            outermost=request.storage_size,
            own=own_data(request.image_transfer, _image_size(facts)),
            disk_free=facts.host.disk_free,
        )
    except NoOverlayOnVolumes as error:
        raise Refusal(str(error), remedy="use --storage auto, loopback or tmpfs") from error
    except StorageTooSmall as error:
        raise Refusal(
            f"storage of {show_size(error.size)} at level 1 is too small for depth {request.depth}",
            remedy=f"give --storage-size {error.least_size // MIB}MiB or more, or go less deep",
        ) from error


def _check_fits(request: Request, facts: Facts, carrier: Storage) -> None:
    among = budgets(facts.host, request.image_transfer, carrier, _image_size(facts))
    tight = tightest(among, request.depth)
    if tight is None:
        return
    needed = tight.show(request.depth * tight.per_level)
    raise Refusal(
        f"depth {request.depth} needs {needed}, and {tight.show(tight.free or 0)} are free",
        remedy=f"go {tight.greatest_depth} deep at most, or try it all the same with --force",
    )


def _image_size(facts: Facts) -> int:
    return USUAL_IMAGE_SIZE if facts.image_size is None else facts.image_size
