"""IPv4 subnets of the levels, and the TTL of their packets.

An engine sees only its own parent's routes, so it may pick a subnet that an ancestor already routes, and its
containers then cannot reach that network. The plan therefore gives every level a block of its own: the default bridge
comes first, the rest is for networks that users make there, some 30 as with a stock engine while the pool has room.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, collapse_addresses
from itertools import islice

from inception.plan.light_dataclasses import dataclass
from inception.plan.request import NetworkMode

DEFAULT_POOL = "10.208.0.0/12"
_FALLBACK_POOLS = ("172.16.0.0/12", "192.168.0.0/16", "198.18.0.0/15")
"""Tried where the default is routed, as in networks that use all of 10.0.0.0/8 (RFC 1918; the last is RFC 2544's)."""
WIDEST_BLOCK = 19
"""Prefix length of a level's block where the pool has room: a /24 bridge and 31 networks of /24."""
NARROWEST_BLOCK = 27
"""Prefix length of the smallest usable block: a /29 bridge carries the gateway and five containers."""
_WIDEST_BRIDGE = 24
_NARROWEST_NETWORK = 29
_PARTS_LOG2 = 5
"""A block is cut into 32 networks, some of which the bridge takes; into fewer where they would get too small."""
_NETWORKS_OF_OLD = 3
"""Networks of a level in the plan of a running chain that does not name their number."""

FAR = 32
"""Depth from which the usual TTL of 64 (`IPDEFTTL`, include/uapi/linux/ip.h) is too small: each level is a router that
takes one off, and a packet may need half of them outside."""
GREATEST_TTL = 255
TTL_LEVELS = 16
"""Levels from one that sets the TTL of all packets to the next: far fewer than a packet of a container can pass."""


class PoolTooSmall(ValueError):
    """Error: the pool has too few free blocks; an unrouted pool of prefix length `needed_prefix` would suffice."""

    def __init__(self, pool: IPv4Network, depth: int) -> None:
        super().__init__(f"pool {pool} is too small for {depth} levels beside the networks that are routed already")
        self.needed_prefix = NARROWEST_BLOCK - (depth - 1).bit_length()


@dataclass(frozen=True, kw_only=True)
class Subnet:
    """Addresses of one level, all CIDR.

    `bridge` is the gateway's address with its prefix length, as dockerd's `bip` takes it; `address_pools` are cut into
    networks of `address_pool_prefix` for `default-address-pools`, `network_count` of them.
    """

    block: str
    bridge: str
    address_pools: tuple[str, ...]
    address_pool_prefix: int
    network_count: int = _NETWORKS_OF_OLD


def cut_subnets(pool: IPv4Network, depth: int, taken: Iterable[str]) -> tuple[Subnet, ...]:
    """Cut `depth` subnets out of `pool`, none of which overlaps a `taken` network (CIDR) or another.

    The blocks are as wide as the pool allows. Raises PoolTooSmall if even the narrowest do not fit.
    """
    free = _free_parts(pool, _routed(taken))
    for prefix in range(WIDEST_BLOCK, NARROWEST_BLOCK + 1):
        blocks = tuple(islice(_blocks(free, prefix), depth))
        if len(blocks) == depth:
            return tuple(_cut(block) for block in blocks)
    raise PoolTooSmall(pool, depth)


def cut_subnets_somewhere(depth: int, taken: Iterable[str]) -> tuple[Subnet, ...]:
    """Cut subnets, as `cut_subnets` does, out of the first of the default pools with room beside `taken`.

    Raises PoolTooSmall if none has.
    """
    avoided = tuple(taken)
    for pool in (DEFAULT_POOL, *_FALLBACK_POOLS):
        try:
            return cut_subnets(IPv4Network(pool), depth, avoided)
        except PoolTooSmall as error:
            refusal = error
    raise refusal


def _routed(taken: Iterable[str]) -> Iterable[IPv4Network]:
    """Return the IPv4 networks among `taken`, without the default route and the two halves that VPNs make of it."""
    networks = (IPv4Network(text, strict=False) for text in taken if ":" not in text)
    return collapse_addresses(network for network in networks if network.prefixlen > 1)


def _free_parts(pool: IPv4Network, avoided: Iterable[IPv4Network]) -> list[IPv4Network]:
    """Return the widest networks in `pool` that overlap none of those `avoided`, in order."""
    parts = [pool]
    for network in avoided:
        parts = [left for part in parts for left in _without(part, network)]
    return sorted(parts)


def _without(part: IPv4Network, network: IPv4Network) -> Iterable[IPv4Network]:
    if not part.overlaps(network):
        return (part,)
    return () if part.subnet_of(network) else part.address_exclude(network)


def _blocks(parts: Iterable[IPv4Network], prefix: int) -> Iterator[IPv4Network]:
    """Yield every block of that prefix length in `parts`. They are the widest, so a free block lies inside one."""
    for part in parts:
        if part.prefixlen <= prefix:
            yield from part.subnets(new_prefix=prefix)


def _cut(block: IPv4Network) -> Subnet:
    bridge = next(block.subnets(new_prefix=max(block.prefixlen + 2, _WIDEST_BRIDGE)))
    pools = tuple(sorted(block.address_exclude(bridge)))
    prefix = min(block.prefixlen + _PARTS_LOG2, _NARROWEST_NETWORK)
    return Subnet(
        block=str(block),
        bridge=f"{bridge.network_address + 1}/{bridge.prefixlen}",
        address_pools=tuple(str(pool) for pool in pools),
        address_pool_prefix=prefix,
        network_count=sum(1 << (prefix - pool.prefixlen) for pool in pools),
    )


def packet_ttl(mode: NetworkMode, depth: int) -> int | None:
    """Return the TTL of the packets that each level sends and some set on all they forward; None if it is left."""
    return GREATEST_TTL if mode is NetworkMode.BRIDGE and depth >= FAR else None
