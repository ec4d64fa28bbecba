"""Which addresses each level's engine hands out.

An engine sees only its own parent's routes, so it may pick a subnet that an ancestor already routes, and its
containers then lose the way out. The plan therefore gives every level a block of its own: the first quarter is
the default bridge, the rest is for networks that users make there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network

DEFAULT_POOL = "10.208.0.0/12"
WIDEST_BLOCK = 22
"""Prefix length of a level's block where the pool has room: a /24 bridge and three /24 for networks made there."""
NARROWEST_BLOCK = 27
"""Prefix length of the smallest usable block: a /29 bridge carries the gateway and five containers."""


class PoolTooSmall(ValueError):
    """The pool has too few free blocks; `needed_prefix` is the prefix length of a pool that would do."""

    def __init__(self, pool: IPv4Network, depth: int, needed_prefix: int) -> None:
        super().__init__(f"pool {pool} is too small for {depth} levels")
        self.needed_prefix = needed_prefix


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


def _free_blocks(pool: IPv4Network, prefix: int, taken: tuple[IPv4Network, ...]) -> Iterator[IPv4Network]:
    for block in pool.subnets(new_prefix=prefix):
        if not any(block.overlaps(network) for network in taken):
            yield block


def _cut(block: IPv4Network) -> Subnet:
    bridge, *others = block.subnets(prefixlen_diff=2)
    return Subnet(
        block=str(block),
        bridge=f"{bridge.network_address + 1}/{bridge.prefixlen}",
        address_pools=tuple(str(other) for other in others),
        address_pool_prefix=bridge.prefixlen,
    )


def cut_subnets(pool: IPv4Network, depth: int, taken: Iterable[str]) -> tuple[Subnet, ...]:
    """Cut `depth` subnets out of `pool`, none of which overlaps a `taken` network (CIDR) or another.

    The blocks are as wide as the pool allows. Raises PoolTooSmall if even the narrowest do not fit.
    """
    avoided = tuple(
        network
        for network in (IPv4Network(text, strict=False) for text in taken if ":" not in text)
        if network.prefixlen > 0 and network.overlaps(pool)
    )
    for prefix in range(max(WIDEST_BLOCK, pool.prefixlen), NARROWEST_BLOCK + 1):
        if 1 << (prefix - pool.prefixlen) < depth:
            continue
        blocks = [block for _, block in zip(range(depth), _free_blocks(pool, prefix, avoided), strict=False)]
        if len(blocks) == depth:
            return tuple(_cut(block) for block in blocks)
    raise PoolTooSmall(pool, depth, NARROWEST_BLOCK - (depth + len(avoided)).bit_length())
