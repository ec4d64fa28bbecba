"""The user's request for a chain."""

from __future__ import annotations

import re
from enum import StrEnum

from inception.plan.engine.options import (
    DaemonJson,
    DockerdArgument,
    LevelImage,
    LevelRange,
    LevelRuntime,
    split_levels,
)
from inception.plan.engine.proxies import Proxies
from inception.plan.light_dataclasses import dataclass
from inception.plan.mounts import HostMount
from inception.plan.resources import ResourceLimit
from inception.plan.tree import Place, Shape, line

NAME_LIMIT = 32
"""Characters in a chain's name: short, so that socket paths stay below `paths.SOCKET_PATH_LIMIT`."""

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")


class ImageTransfer(StrEnum):
    """Method that gives a level's engine the chain's image."""

    AUTO = "auto"
    GRAFT = "graft"
    LOAD = "load"


class ImageStore(StrEnum):
    """Image store of the levels' engines: overlay2's, containerd's, or the one that an engine uses by itself."""

    AUTO = "auto"
    OVERLAY2 = "overlay2"
    CONTAINERD = "containerd"


@dataclass(frozen=True, kw_only=True)
class LevelStore:
    """The image store of the engines of a range."""

    levels: LevelRange
    store: ImageStore


class PidMode(StrEnum):
    """Choice of the levels that get a PID namespace of their own."""

    AUTO = "auto"
    ISOLATED = "isolated"
    SHARED = "shared"


class Storage(StrEnum):
    """File system of a level's data-root."""

    AUTO = "auto"
    VOLUME = "volume"
    LOOPBACK = "loopback"
    TMPFS = "tmpfs"


class NetworkMode(StrEnum):
    """Network that connects a level to the one above."""

    BRIDGE = "bridge"
    HOST = "host"
    NONE = "none"


class Inherit(StrEnum):
    """Choice whether levels take over proxies of the environment, and proxies and registries of the level-0 engine."""

    ALL = "all"
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class Request:
    """Request for one chain.

    `pool` is the IPv4 range (CIDR) that the levels' subnets are cut from. `headroom` is the number of PID namespaces
    kept free below the bottom. `storage_size` is level 1's loopback size in bytes. `mtu` is in bytes.
    `patience` multiplies every time limit. `attached` chains end with their client, others after `ttl_s` seconds or by
    a command. `force` starts a chain that does not fit by the estimates. With `restart_engines` a level restarts a
    dockerd that died; its containers live on. `ca` are certificate authorities in PEM, `registry_mirrors` URLs.
    `image` is that of the levels which no range of `level_images` names; without a range in `image_store` or
    `runtimes` the choice is the engine's. Of several ranges with one level the last counts. `preload` names images of
    level 0, or archives by their absolute paths, which every level's engine has from its start.
    `places` are those of a tree's `depth` levels; without them the chain is a line.
    """

    depth: int
    name: str
    image: str
    image_transfer: ImageTransfer = ImageTransfer.AUTO
    pool: str | None = None
    pid: PidMode = PidMode.AUTO
    headroom: int = 1
    storage: Storage = Storage.AUTO
    storage_size: int | None = None
    network: NetworkMode = NetworkMode.BRIDGE
    dns: tuple[str, ...] = ()
    mtu: int | None = None
    patience: float = 1.0
    attached: bool = True
    ttl_s: float | None = None
    force: bool = False
    restart_engines: bool = False
    proxy: Proxies | None = None
    registry_mirrors: tuple[str, ...] = ()
    insecure_registries: tuple[str, ...] = ()
    ca: tuple[str, ...] = ()
    inherit: Inherit = Inherit.ALL
    dockerd: tuple[DockerdArgument, ...] = ()
    daemon_json: tuple[DaemonJson, ...] = ()
    resources: tuple[ResourceLimit, ...] = ()
    mounts: tuple[HostMount, ...] = ()
    level_images: tuple[LevelImage, ...] = ()
    image_store: tuple[LevelStore, ...] = ()
    runtimes: tuple[LevelRuntime, ...] = ()
    preload: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()

    @property
    def shape(self) -> Shape:
        """Shape of the chain. The places are those of `depth` levels."""
        return Shape([it.above for it in self.places]) if self.places else line(self.depth)

    @property
    def images(self) -> tuple[str, ...]:
        """Names of the images that the levels run from, each once."""
        return tuple(dict.fromkeys(self.image_of(number) for number in range(1, self.depth + 1)))

    def image_of(self, number: int) -> str:
        """Return the name of the image that level `number` runs from."""
        return next((it.image for it in reversed(self.level_images) if number in it.levels), self.image)

    def image_store_of(self, number: int) -> ImageStore:
        """Return the image store of level `number`'s engine."""
        return next((it.store for it in reversed(self.image_store) if number in it.levels), ImageStore.AUTO)

    def runtime_of(self, number: int) -> str | None:
        """Return the runtime of level `number`'s engine, None for the engine's own choice."""
        return next((it.runtime for it in reversed(self.runtimes) if number in it.levels), None)


def is_name(name: str) -> bool:
    """Return whether `name` can name a chain: lower-case letters, digits and inner hyphens, `NAME_LIMIT` at most."""
    return len(name) <= NAME_LIMIT and _NAME.fullmatch(name) is not None


def parse_level_store(text: str) -> LevelStore:
    """Return what `[LEVELS=]STORE` stands for. Raises ValueError."""
    levels, store = split_levels(text, "=")
    if store not in set(ImageStore):
        raise ValueError(f"{text!r} names no image store: they are {', '.join(ImageStore)}")
    return LevelStore(levels=levels, store=ImageStore(store))
