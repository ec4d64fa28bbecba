"""Choose addresses for the private engine that the host does not route. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network

from inception.plan.light_dataclasses import dataclass

POOL = IPv4Network("10.204.0.0/14")
"""Range next to the levels' default pool, `plan.network.DEFAULT_POOL`."""
_BLOCK_PREFIX = 20
_NETWORK_PREFIX = 24


@dataclass(frozen=True, kw_only=True)
class EngineAddresses:
    """Addresses of one private engine, all CIDR.

    `host` and `inside` are the two ends of its link to the host; `bridge` is what dockerd takes as `bip`; `pool` is cut
    into networks of `pool_prefix` that users make.
    """

    host: str
    inside: str
    bridge: str
    pool: str
    pool_prefix: int

    @property
    def gateway(self) -> str:
        """Address of the host's end, without its prefix length."""
        return self.host.partition("/")[0]


class NoFreeAddresses(ValueError):
    """Error: the host routes every block of the pool already."""


def choose_addresses(taken: Iterable[str]) -> EngineAddresses:
    """Return addresses out of `POOL` that overlap none of `taken` (CIDR). Raises NoFreeAddresses."""
    routed = [network for network in map(IPv4Network, taken) if network.prefixlen > 0]
    for block in POOL.subnets(new_prefix=_BLOCK_PREFIX):
        if not any(block.overlaps(network) for network in routed):
            return _cut(block)
    raise NoFreeAddresses(f"all of {POOL} is routed already")


def _cut(block: IPv4Network) -> EngineAddresses:
    link, bridge, *_ = block.subnets(new_prefix=_NETWORK_PREFIX)
    _, pool = block.subnets(prefixlen_diff=1)
    return EngineAddresses(
        host=f"{link[1]}/30",
        inside=f"{link[2]}/30",
        bridge=f"{bridge[1]}/{bridge.prefixlen}",
        pool=str(pool),
        pool_prefix=_NETWORK_PREFIX,
    )
