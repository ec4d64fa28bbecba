"""The plan of a chain, as `plan.json` has it: all that will be done, decided before anything is changed."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from ipaddress import IPv4Network, collapse_addresses
from pathlib import PurePosixPath

from inception.plan.engine.outward import AUTHORITIES_FILE, NO_CHANGE, Outward
from inception.plan.engine.proxies import LOCAL, Proxies
from inception.plan.engine.seeds import SeedPlan
from inception.plan.estimate import Estimate
from inception.plan.formats import codec
from inception.plan.light_dataclasses import dataclass
from inception.plan.mounts import HostMount
from inception.plan.network import TTL_LEVELS, Subnet
from inception.plan.paths import RunDirectory
from inception.plan.pids import PidNamespace
from inception.plan.privileges import Privileges
from inception.plan.request import ImageTransfer, NetworkMode, Request, is_name
from inception.plan.resources import NO_LIMITS, LevelResources
from inception.plan.run_root import RunRootSource
from inception.plan.storage import LevelStorage
from inception.plan.time_limits import TimeLimits
from inception.plan.tree import Shape, check_numbers

PLAN_VERSION = 2
LABEL_CHAIN = "inception.chain"
LABEL_LEVEL = "inception.level"
LABEL_STOPPED = "inception.stopped"
"""Label of the container that keeps the data of a stopped chain: the file here that describes the chain."""
LABEL_KEPT = "inception.kept"
"""Label of the same: the name of the chain. It has no LABEL_CHAIN: what has that ends with its volumes."""
LABEL_FLEET = "inception.fleet"
"""Label of the service of a fleet, of its tasks' containers and of their volumes: the fleet's name."""


class CgroupNamespace(StrEnum):
    """Whether a level has a cgroup namespace of its own or shares that of the level above."""

    PRIVATE = "private"
    SHARED = "shared"


@dataclass(frozen=True, kw_only=True)
class LevelPlan:
    """Plan of one level; number 1 is the outermost. `container` is its container's name in the engine above.

    It runs from `image`. `seed` is the volume of its engine's seed (`ChainPlan.seed_of`). `runtime` runs its engine's
    containers, None for the engine's own choice. `parent` is the level above in a tree, None in a line; `label` is its
    name there.
    """

    number: int
    container: str
    hostname: str
    image: str
    seed: str
    runtime: str | None
    pid_namespace: PidNamespace
    cgroup_namespace: CgroupNamespace
    subnet: Subnet
    storage: LevelStorage
    resources: LevelResources = NO_LIMITS
    parent: int | None = None
    label: str = ""

    @property
    def above(self) -> int:
        """Number of the level above; 0 is the host."""
        return self.number - 1 if self.parent is None else self.parent

    def __str__(self) -> str:
        """Return its number, and its label if it has one."""
        return f"{self.number} {self.label}".rstrip()


@dataclass(frozen=True, kw_only=True)
class ChainPlan:
    """Plan of a chain. Each level sees all `seeds` whose volume an engine above it has.

    `endpoint` is the address of the level-0 engine. A chain that grows is planned from `request` again.
    A `remote` engine does not see the client's run root: the run directory lies in a volume of level 1 there.
    `run_root_source` is the run root on the engine's machine, None if it has the same path there.
    `podman`: level 0 is a Podman, whose API needs other parameters for level 1. `restart_engines`: each level restarts
    a dockerd that died. `remarks` are lines that a user should read before the descent. `data_volume`: the
    volume of level 0 with level 1's data-root, if the chain was stopped before. The data-roots of all levels are in it.
    Sizes are in bytes, times in seconds. `owner_uid` and `owner_gid` own the sockets and the run directory.
    """

    version: int = PLAN_VERSION
    name: str
    request: Request
    endpoint: str
    run_directory: str
    image_transfer: ImageTransfer
    seeds: tuple[SeedPlan, ...]
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
    run_root_source: RunRootSource | None = None
    podman: bool = False
    restart_engines: bool = False
    mounts: tuple[HostMount, ...] = ()
    outward: Outward = NO_CHANGE
    remarks: tuple[str, ...] = ()
    data_volume: str | None = None

    @property
    def depth(self) -> int:
        """Number of levels."""
        return len(self.levels)

    @cached_property
    def shape(self) -> Shape:
        """Shape of the chain: a line, or a tree."""
        return Shape([level.above for level in self.levels])

    @property
    def paths(self) -> RunDirectory:
        """Paths in the chain's run directory."""
        return RunDirectory(root=PurePosixPath(self.run_directory))

    @property
    def proxies(self) -> Proxies:
        """Proxies of every level, with what none of them leads to: the levels' own networks."""
        blocks = collapse_addresses(IPv4Network(level.subnet.block) for level in self.levels)
        return self.outward.proxies.exempting((*LOCAL, *map(str, blocks)))

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables of every level for the ways outward: proxies and certificate authorities."""
        trusted = {"SSL_CERT_FILE": AUTHORITIES_FILE} if self.outward.authorities else {}
        # Without a proxy the levels' networks need not be collected, which each level would do for all of them.
        proxies = self.proxies.environment() if self.outward.proxies.addresses else {}
        return {**proxies, **trusted}

    def level(self, number: int) -> LevelPlan:
        """Return the plan of level `number`, counted from 1."""
        return self.levels[number - 1]

    def sets_ttl(self, number: int) -> bool:
        """Return whether level `number` sets the TTL of the packets that it forwards, as one in TTL_LEVELS does."""
        return self.packet_ttl is not None and self.shape.depth(number) % TTL_LEVELS == 1

    def lifeline_above(self, number: int) -> PurePosixPath | None:
        """Return the lifeline with whose release level `number` ends; None for level 1 of a chain that stays."""
        return self.paths.lifeline(self.level(number).above) if number > 1 or self.attached else None

    @property
    def restored(self) -> bool:
        """Whether the levels have the data-roots of a chain that was stopped."""
        return self.data_volume is not None

    def kept(self, number: int) -> str:
        """Return the name of the container that keeps the data-root of level `number` for its next container."""
        return f"{self.level(number).container}-kept"

    def seed_of(self, number: int) -> SeedPlan:
        """Return the seed of the engine of level `number`: its `image` is the one that this engine is given."""
        volume = self.level(number).seed
        return next(seed for seed in self.seeds if seed.volume == volume)

    def to_json(self) -> str:
        """Return this plan as indented JSON, its last newline included."""
        return codec.to_json(self, indent=2)

    @classmethod
    def from_json(cls, text: str) -> ChainPlan:
        """Return the plan that `to_json` wrote. Raises ValueError for another version or a wrong value."""
        fields = codec.parse(text)
        version = fields.get("version") if isinstance(fields, dict) else None
        if version != PLAN_VERSION:
            raise ValueError(f"plan version {version!r}, not {PLAN_VERSION}")
        plan = codec.decode(cls, fields)
        if [level.number for level in plan.levels] != list(range(1, plan.depth + 1)):
            raise ValueError("invalid ChainPlan: levels: their numbers are not 1 to N")
        try:
            check_numbers([level.above for level in plan.levels])
        except ValueError as error:
            raise ValueError(f"invalid ChainPlan: levels: {error}") from error
        if not is_name(plan.name):
            raise ValueError("invalid ChainPlan: name: it cannot name a chain")
        return plan
