"""Refusals: why a plan cannot be made, and the checks of a request that need no host."""

from __future__ import annotations

from math import inf

from inception.plan.engine.checks import problems_of_engine_settings
from inception.plan.formats.address import is_address
from inception.plan.mounts import problems_of_mounts
from inception.plan.request import NAME_LIMIT, NetworkMode, Request, Storage, is_name

GREATEST_DEPTH = 1000
"""Deeper is refused outright: each level takes some 60 MB of memory, and a plan is a page a level."""
LEAST_MTU = 68
"""Bytes that every link that carries IPv4 must take (RFC 791)."""
GREATEST_MTU = 65535


class Refusal(ValueError):
    """Error: no plan can be made. `remedy` is what to do; `usage` is true if the request itself is wrong.

    `topic` is the name of its explanation, None for that of all refusals.
    """

    def __init__(self, message: str, *, remedy: str, usage: bool = False, topic: str | None = None) -> None:
        super().__init__(message)
        self.remedy = remedy
        self.usage = usage
        self.topic = topic


def check_request(request: Request) -> None:
    """Raise Refusal for a request that no host could satisfy."""
    if not 0 <= request.depth <= GREATEST_DEPTH:
        raise misuse(f"depth {request.depth} is not between 0 and {GREATEST_DEPTH}", "ask for one with --depth")
    _check_tree(request)
    if not is_name(request.name):
        remedy = f"use lower-case letters, digits and inner hyphens, {NAME_LIMIT} at most"
        raise misuse(f"{request.name!r} cannot name a chain", remedy)
    if not 0 < request.patience < inf:
        raise misuse(f"patience {request.patience} is not above 0", "use 1 or more")
    if request.headroom < 0:
        raise misuse(f"headroom {request.headroom} is below 0", "use 0 or more")
    if request.mtu is not None and not LEAST_MTU <= request.mtu <= GREATEST_MTU:
        remedy = f"use {LEAST_MTU} to {GREATEST_MTU} bytes"
        raise misuse(f"no link has an MTU of {request.mtu}", remedy)
    if request.storage_size is not None and request.storage is Storage.VOLUME:
        raise misuse("a volume has no size of its own", "leave out the size, or use --storage loopback or tmpfs")
    for address in request.dns:
        if not is_address(address):
            raise misuse(f"{address!r} is not the address of a name server", "write it like 192.0.2.53")
    for problem, remedy in (*problems_of_engine_settings(request), *problems_of_mounts(request.mounts)):
        raise misuse(problem, remedy)


def _check_tree(request: Request) -> None:
    """Raise Refusal for what a tree cannot have."""
    if request.places and len(request.places) != request.depth:
        raise misuse(f"a tree of {len(request.places)} levels has no other depth", "leave out --depth")
    shape = request.shape
    if shape.is_line:
        return
    if request.storage is Storage.LOOPBACK:
        raise misuse("a tree has no loopback image at each level", "use --storage auto, volume or tmpfs")
    if request.network is NetworkMode.HOST:
        raise misuse("engines beside one another cannot share a network", "use --network bridge")


def misuse(message: str, remedy: str) -> Refusal:
    """Return the refusal of a request that is wrong in itself."""
    return Refusal(message, remedy=remedy, usage=True)
