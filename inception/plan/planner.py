"""Make the plan of a chain from a request and the facts of a host."""

from __future__ import annotations

from ipaddress import IPv4Network
from pathlib import PurePosixPath

from inception.plan.chain import CgroupNamespace, ChainPlan, LevelPlan
from inception.plan.engine.outward import choose_outward, remarks_on
from inception.plan.engine.preloads import Preload
from inception.plan.engine.seeds import SeedPlan, assign_seeds, distinct, lacks_store, preloads_in
from inception.plan.estimate import USUAL_IMAGE_SIZE, budgets, estimate, tightest, too_tight
from inception.plan.facts import Facts
from inception.plan.formats.size import MIB, show_size
from inception.plan.mounts import needed_by_levels
from inception.plan.network import DEFAULT_POOL, PoolTooSmall, Subnet, cut_subnets, cut_subnets_somewhere, packet_ttl
from inception.plan.paths import SOCKET_PATH_LIMIT, RunDirectory
from inception.plan.pids import PidNamespace, TooFewPidNamespaces, assign_pid_namespaces
from inception.plan.privileges import choose_privileges
from inception.plan.refusal import Refusal, check_request, misuse
from inception.plan.request import PidMode, Request, Storage
from inception.plan.resources import LevelResources, resources_of
from inception.plan.storage import LevelStorage, NoOverlayOnVolumes, StorageTooSmall, assign_storage, own_data
from inception.plan.time_limits import TimeLimits


def plan_chain(request: Request, facts: Facts) -> ChainPlan:
    """Plan the chain that `request` asks for on the host that `facts` describe. Raises Refusal."""
    check_request(request)
    _check_run_root(request, facts)
    run_directory = RunDirectory(root=PurePosixPath(facts.run_root) / request.name)
    _check_socket_paths(run_directory, request.depth)
    _check_mounts(request, facts)
    pids = _pid_namespaces(request, facts)
    subnets = _subnets(request, facts)
    storage = _storage(request, facts)
    carrier = storage[0].kind if storage else request.storage
    if not request.force:
        _check_fits(request, facts, carrier)
        _check_limits(request)
    outward = choose_outward(request, facts.engine)
    seeds = assign_seeds(request, facts.images, facts.seeds, _preloads(facts))
    _check_image_stores(seeds)
    return ChainPlan(
        name=request.name,
        request=request,
        endpoint=facts.engine.endpoint,
        run_directory=str(run_directory.root),
        image_transfer=request.image_transfer,
        seeds=distinct(seeds),
        privileges=choose_privileges(facts.engine),
        network=request.network,
        packet_ttl=packet_ttl(request.network, request.shape.height),
        mtu=request.mtu or facts.host.mtu,
        dns=request.dns,
        open_files_limit=facts.host.open_files_limit,
        limits=TimeLimits().scaled(request.patience),
        attached=request.attached,
        ttl_s=request.ttl_s,
        owner_uid=facts.host.owner_uid,
        owner_gid=facts.host.owner_gid,
        estimate=estimate(request.depth, request.image_transfer, carrier, _image_size(facts)),
        levels=_levels(request, pids, subnets, storage, seeds),
        remote=not facts.engine.local,
        run_root_source=facts.run_root_source,
        podman=facts.engine.podman,
        restart_engines=request.restart_engines,
        mounts=request.mounts,
        outward=outward,
        remarks=tuple(remarks_on(outward, request, facts.engine)),
    )


def _levels(
    request: Request,
    pids: tuple[PidNamespace, ...],
    subnets: tuple[Subnet, ...],
    storage: tuple[LevelStorage, ...],
    seeds: tuple[SeedPlan, ...],
) -> tuple[LevelPlan, ...]:
    """Return the plan of each level of the requested chain, level 1 first."""
    return tuple(
        LevelPlan(
            number=number,
            container=f"inception-{request.name}-{number}",
            hostname=f"{request.name}-{number}",
            image=seed.engine_image,
            seed=seed.volume,
            runtime=request.runtime_of(number),
            pid_namespace=pid_namespace,
            cgroup_namespace=_cgroup_namespace(number, resources),
            subnet=subnet,
            storage=level_storage,
            resources=resources,
            parent=request.places[number - 1].above if request.places else None,
            label=request.places[number - 1].label if request.places else "",
        )
        for number, (pid_namespace, subnet, level_storage, seed) in enumerate(
            zip(pids, subnets, storage, seeds, strict=True), 1
        )
        for resources in (resources_of(number, request.resources),)
    )


def _check_image_stores(seeds: tuple[SeedPlan, ...]) -> None:
    for number, seed in enumerate(seeds, 1):
        if lacks_store(seed):
            raise Refusal(
                f"level {number} cannot keep images in containerd's store: "
                f"{seed.engine_image} has Docker {seed.engine_version}, and 24 is the first that can",
                remedy="give that level another image, or name the levels of that store: --image-store 1-2=containerd",
            )


def _cgroup_namespace(number: int, resources: LevelResources) -> CgroupNamespace:
    """Return whose control group the levels below build theirs in.

    It is level 1's, side by side: a cgroup as deep as the chain would make the kernel walk that path at each wake-up
    and each page. Only a level with limits has one of its own, in which those below count.
    """
    private = number == 1 or resources.contains_levels_below
    return CgroupNamespace.PRIVATE if private else CgroupNamespace.SHARED


def _check_run_root(request: Request, facts: Facts) -> None:
    """Raise Refusal for a chain that would outlive its run directory, which ends with the client's container."""
    if not request.attached and facts.engine.runs_client and not facts.engine.local:
        raise Refusal(
            f"a chain that stays needs a run root on the engine's machine, and {facts.run_root} is in this container",
            remedy=f"start the container with: docker run -v {facts.run_root}:{facts.run_root}",
            topic="run-root",
        )


def _check_socket_paths(run_directory: RunDirectory, depth: int) -> None:
    longest = str(run_directory.socket(depth))
    if len(longest.encode()) > SOCKET_PATH_LIMIT:
        raise Refusal(
            f"socket path {longest} is longer than {SOCKET_PATH_LIMIT} bytes",
            remedy="use a shorter --name, or a shorter INCEPTION_RUN_ROOT",
            topic="socket-path",
        )


def _check_mounts(request: Request, facts: Facts) -> None:
    for mount in request.mounts:
        # A client in a container has its files at other paths than its engine does.
        if not facts.engine.local or facts.run_root_source is not None:
            raise Refusal(
                f"the engine at {facts.engine.endpoint} does not see this machine's files, and so not {mount.source}",
                remedy="leave out --mount and copy files with `inception cp`, or use inception on that machine",
                topic="host-files",
            )
        if needed_by_levels(PurePosixPath(mount.target), facts.run_root) is not None:
            raise misuse(f"mount target {mount.target} would hide the run root {facts.run_root}", "choose another one")


def _pid_namespaces(request: Request, facts: Facts) -> tuple[PidNamespace, ...]:
    free = facts.host.pid_namespaces_free
    if request.force and request.pid is PidMode.ISOLATED:
        # With --force the chain runs into the kernel's own limit, so that users see it.
        free = max(free, request.shape.height + request.headroom)
    try:
        return assign_pid_namespaces(request.pid, request.shape, free, request.headroom)
    except TooFewPidNamespaces as error:
        raise Refusal(
            f"{error}: {free} are free and --headroom keeps {request.headroom} of them for containers at the bottom",
            remedy=_pid_remedy(error.greatest_depth, free, request.pid),
            topic="pid-nesting",
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
            str(error),
            remedy=f"give a /{error.needed_prefix} or wider that nothing else uses with --pool",
            topic="subnets",
        ) from error


def _pool(text: str) -> IPv4Network:
    try:
        return IPv4Network(text)
    except ValueError as error:
        raise misuse(f"pool {text!r} is not an IPv4 network", f"write it like {DEFAULT_POOL}") from error


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
        raise Refusal(str(error), remedy="use --storage auto, loopback or tmpfs", topic="storage") from error
    except StorageTooSmall as error:
        raise Refusal(
            f"storage of {show_size(error.size)} at level 1 is too small for depth {request.depth}",
            remedy=f"give --storage-size {error.least_size // MIB}MiB or more, or go less deep",
            topic="storage",
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
        topic="too-deep",
    )


def _check_limits(request: Request) -> None:
    for problem, least in too_tight(request.shape, request.resources):
        remedy = f"give {least} or more, go less deep, or try it all the same with --force"
        raise Refusal(problem, remedy=remedy, topic="limits")


def _preloads(facts: Facts) -> tuple[Preload, ...]:
    return facts.preloads or preloads_in(facts.seeds)


def _image_size(facts: Facts) -> int:
    """Return the bytes of the largest image with all preloads: any level may load them."""
    largest = max((USUAL_IMAGE_SIZE if it.size is None else it.size for it in facts.images), default=USUAL_IMAGE_SIZE)
    return largest + sum(it.size for it in _preloads(facts))
