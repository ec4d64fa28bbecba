"""Which addresses each level's engine hands out.

An engine sees only its own parent's routes, so it may pick a subnet that an ancestor already routes, and its
containers then lose the way out. The plan therefore gives every level a block of its own: the first quarter is
the default bridge, the rest is for networks that users make there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, collapse_addresses
from itertools import islice

from inception.plan.request import NetworkMode

DEFAULT_POOL = "10.208.0.0/12"
_FALLBACK_POOLS = ("172.16.0.0/12", "192.168.0.0/16", "198.18.0.0/15")
"""Tried where the default is routed, as in networks that use all of 10.0.0.0/8 (RFC 1918; the last is RFC 2544's)."""
WIDEST_BLOCK = 22
"""Prefix length of a level's block where the pool has room: a /24 bridge and three /24 for networks made there."""
NARROWEST_BLOCK = 27
"""Prefix length of the smallest usable block: a /29 bridge carries the gateway and five containers."""


FAR = 32
"""From so many levels on, the way is too long for the usual TTL of 64 (`IPDEFTTL`, include/uapi/linux/ip.h), half of
which a packet may need outside: each level is a router, and takes one off."""
GREATEST_TTL = 255


class PoolTooSmall(ValueError):
    """The pool has too few free blocks; a pool of `needed_prefix` that nothing else routes would do."""

    def __init__(self, pool: IPv4Network, depth: int) -> None:
        super().__init__(f"pool {pool} is too small for {depth} levels beside the networks that are routed already")
        self.needed_prefix = NARROWEST_BLOCK - (depth - 1).bit_length()


@dataclass(frozen=True, kw_only=True)
class Subnet:
    """One level's addresses, all CIDR.

    `bridge` is the gateway's address with its prefix length, as dockerd's `--bip` takes it; `address_pool` is cut into
    networks of `address_pool_prefix` for `--default-address-pool`.
    """

    block: str
    bridge: str
    address_pools: tuple[str, ...]
    address_pool_prefix: int


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
    """Cut subnets, as `cut_subnets` does, out of the first of our own pools that has room beside what is `taken`.

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
    """The IPv4 networks among `taken`, without the default route and the two halves that VPN clients make of it."""
    networks = (IPv4Network(text, strict=False) for text in taken if ":" not in text)
    return collapse_addresses(network for network in networks if network.prefixlen > 1)


def _free_parts(pool: IPv4Network, avoided: Iterable[IPv4Network]) -> list[IPv4Network]:
    """What is left of `pool`: the widest networks that overlap none of those `avoided`, in order."""
    parts = [pool]
    for network in avoided:
        parts = [left for part in parts for left in _without(part, network)]
    return sorted(parts)


def _without(part: IPv4Network, network: IPv4Network) -> Iterable[IPv4Network]:
    if not part.overlaps(network):
        return (part,)
    return () if part.subnet_of(network) else part.address_exclude(network)


def _blocks(parts: Iterable[IPv4Network], prefix: int) -> Iterator[IPv4Network]:
    """Every block of that prefix length in `parts`. A free block lies inside one of them: they are the widest."""
    for part in parts:
        if part.prefixlen <= prefix:
            yield from part.subnets(new_prefix=prefix)


def _cut(block: IPv4Network) -> Subnet:
    bridge, *others = block.subnets(prefixlen_diff=2)
    return Subnet(
        block=str(block),
        bridge=f"{bridge.network_address + 1}/{bridge.prefixlen}",
        address_pools=tuple(str(other) for other in others),
        address_pool_prefix=bridge.prefixlen,
    )


def packet_ttl(mode: NetworkMode, depth: int) -> int | None:
    """The TTL that each level gives to every packet it forwards or sends; None leaves it as it is."""
    return GREATEST_TTL if mode is NetworkMode.BRIDGE and depth >= FAR else None
