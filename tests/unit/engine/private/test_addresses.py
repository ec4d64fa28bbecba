from __future__ import annotations

from ipaddress import IPv4Interface, IPv4Network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inception.engine.private.addresses import POOL, EngineAddresses, NoFreeAddresses, choose_addresses
from inception.plan.network import DEFAULT_POOL

BLOCKS = tuple(POOL.subnets(new_prefix=20))


def networks(addresses: EngineAddresses) -> list[IPv4Network]:
    return [
        IPv4Interface(addresses.host).network,
        IPv4Interface(addresses.bridge).network,
        IPv4Network(addresses.pool),
    ]


def test_both_ends_are_on_one_link() -> None:
    addresses = choose_addresses([])
    host, inside = IPv4Interface(addresses.host), IPv4Interface(addresses.inside)
    assert host.network == inside.network
    assert host.ip != inside.ip
    assert addresses.gateway == str(host.ip)


def test_its_networks_do_not_overlap_each_other_nor_the_levels() -> None:
    link, bridge, pool = networks(choose_addresses([]))
    assert not link.overlaps(bridge)
    assert not bridge.overlaps(pool)
    assert not link.overlaps(pool)
    assert not POOL.overlaps(IPv4Network(DEFAULT_POOL))


@settings(deadline=None)  # It is about networks, not about how busy this machine is.
@given(
    st.lists(
        st.builds(
            lambda block, prefix: str(IPv4Interface(f"{block[7]}/{prefix}").network),
            st.sampled_from(BLOCKS),
            st.integers(min_value=15, max_value=32),
        ),
        max_size=40,
    )
)
def test_routed_blocks_are_not_chosen(taken: list[str]) -> None:
    try:
        addresses = choose_addresses(taken)
    except NoFreeAddresses:
        assert all(any(block.overlaps(IPv4Network(one)) for one in taken) for block in BLOCKS)
        return
    for network in networks(addresses):
        assert network.subnet_of(POOL)
        assert not any(network.overlaps(IPv4Network(one)) for one in taken)


def test_a_default_route_takes_nothing() -> None:
    assert choose_addresses(["0.0.0.0/0"]) == choose_addresses([])


def test_a_full_pool_is_an_error() -> None:
    with pytest.raises(NoFreeAddresses, match=str(POOL)):
        choose_addresses(["10.0.0.0/8"])
