"""Laws of the subnets: apart from each other and from what is taken; a refusal names a pool that would do."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from inception.plan.network import DEFAULT_POOL, PoolTooSmall, Subnet, cut_subnets


@st.composite
def networks(draw: st.DrawFn, least_prefix: int = 8, greatest_prefix: int = 30) -> IPv4Network:
    prefix = draw(st.integers(least_prefix, greatest_prefix))
    return IPv4Network((draw(st.integers(0, 2**32 - 1)), prefix), strict=False)


@st.composite
def networks_in(draw: st.DrawFn, pool: IPv4Network) -> IPv4Network:
    """A network in or around `pool`: those far from it would hardly ever meet it."""
    prefix = draw(st.integers(max(pool.prefixlen - 2, 1), 32))
    offset = draw(st.integers(0, pool.num_addresses - 1))
    return IPv4Network((int(pool.network_address) + offset, prefix), strict=False)


@st.composite
def requests(draw: st.DrawFn) -> tuple[IPv4Network, int, list[IPv4Network]]:
    pool = draw(networks(least_prefix=14, greatest_prefix=29))
    taken = draw(st.lists(networks_in(pool), max_size=6))
    return pool, draw(st.integers(0, 150)), taken


def _cut(pool: IPv4Network, depth: int, taken: list[IPv4Network]) -> tuple[Subnet, ...]:
    try:
        return cut_subnets(pool, depth, [str(network) for network in taken])
    except PoolTooSmall:
        assume(False)
        raise


def _refusal(pool: IPv4Network, depth: int, taken: list[IPv4Network]) -> PoolTooSmall | None:
    try:
        cut_subnets(pool, depth, [str(network) for network in taken])
    except PoolTooSmall as refusal:
        return refusal
    return None


@given(requests())
def test_blocks_lie_in_the_pool_and_overlap_neither_each_other_nor_taken_ones(
    request: tuple[IPv4Network, int, list[IPv4Network]],
) -> None:
    pool, depth, taken = request
    subnets = _cut(pool, depth, taken)
    assert len(subnets) == depth
    blocks = sorted(IPv4Network(subnet.block) for subnet in subnets)
    assert all(block.subnet_of(pool) for block in blocks)
    assert all(before.broadcast_address < after.network_address for before, after in pairwise(blocks))
    assert not any(block.overlaps(network) for block in blocks for network in taken if network.prefixlen > 1)


@given(requests())
def test_bridge_and_pools_divide_the_block_without_overlap(
    request: tuple[IPv4Network, int, list[IPv4Network]],
) -> None:
    for subnet in _cut(*request):
        bridge = IPv4Interface(subnet.bridge)
        parts = sorted([bridge.network, *(IPv4Network(pool) for pool in subnet.address_pools)])
        assert bridge.ip == bridge.network[1]
        assert all(part.subnet_of(IPv4Network(subnet.block)) for part in parts)
        assert sum(part.num_addresses for part in parts) == IPv4Network(subnet.block).num_addresses
        assert not any(before.overlaps(after) for before, after in pairwise(parts))
        assert all(IPv4Network(pool).prefixlen <= subnet.address_pool_prefix <= 29 for pool in subnet.address_pools)


@given(networks(least_prefix=22, greatest_prefix=29), st.integers(33, 150))
def test_refusal_names_the_narrowest_prefix_that_suffices(pool: IPv4Network, depth: int) -> None:
    refusal = _refusal(pool, depth, [])
    assert refusal is not None
    assert len(cut_subnets(IPv4Network((0, refusal.needed_prefix)), depth, [])) == depth
    assert _refusal(IPv4Network((0, refusal.needed_prefix + 1)), depth, [])


@given(requests())
def test_no_refusal_while_enough_narrow_blocks_are_free(
    request: tuple[IPv4Network, int, list[IPv4Network]],
) -> None:
    pool, depth, taken = request
    assume(pool.prefixlen >= 20)
    routed = [network for network in taken if network.prefixlen > 1]
    narrow = pool.subnets(new_prefix=27) if pool.prefixlen <= 27 else ()
    free = sum(not any(block.overlaps(network) for network in routed) for block in narrow)
    if free >= depth:
        assert len(cut_subnets(pool, depth, [str(network) for network in taken])) == depth
    else:
        with pytest.raises(PoolTooSmall):
            cut_subnets(pool, depth, [str(network) for network in taken])


def test_default_route_takes_nothing_even_split_in_two() -> None:
    """VPN clients route 0.0.0.0/1 and 128.0.0.0/1, to go before the default route without replacing it."""
    pool = IPv4Network("10.208.0.0/12")
    halves = ["0.0.0.0/1", "128.0.0.0/1", "0.0.0.0/0", "::/0", "fd00::/8"]
    assert cut_subnets(pool, 3, halves) == cut_subnets(pool, 3, [])


def test_a_huge_taken_pool_is_refused_at_once() -> None:
    with pytest.raises(PoolTooSmall):
        cut_subnets(IPv4Network("0.0.0.0/0"), 2, [str(IPv4Network((IPv4Address(n << 30), 2))) for n in range(4)])


@given(requests())
def test_every_level_counts_the_networks_that_its_pools_hold_and_has_three_at_least(
    request: tuple[IPv4Network, int, list[IPv4Network]],
) -> None:
    for subnet in _cut(*request):
        networks = [
            network
            for pool in subnet.address_pools
            for network in IPv4Network(pool).subnets(new_prefix=subnet.address_pool_prefix)
        ]
        assert len(networks) == subnet.network_count >= 3


@pytest.mark.parametrize(("depth", "least"), [(1, 30), (32, 30), (128, 30), (256, 30), (1000, 24)])
def test_the_default_pool_holds_as_many_networks_as_a_stock_engine_has(depth: int, least: int) -> None:
    for subnet in cut_subnets(IPv4Network(DEFAULT_POOL), depth, []):
        assert subnet.network_count >= least
        assert IPv4Interface(subnet.bridge).network.prefixlen == 24
