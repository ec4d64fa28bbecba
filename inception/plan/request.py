"""The user's request for a chain."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from inception.plan.engine.options import DaemonJson, DockerdArgument
from inception.plan.engine.proxies import Proxies
from inception.plan.resources import ResourceLimit

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
    """

    depth: int
    name: str
    image: str
    image_transfer: ImageTransfer = ImageTransfer.AUTO
    image_store: ImageStore = ImageStore.AUTO
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


def is_name(name: str) -> bool:
    """Return whether `name` can name a chain: lower-case letters, digits and inner hyphens, `NAME_LIMIT` at most."""
    return len(name) <= NAME_LIMIT and _NAME.fullmatch(name) is not None
