from __future__ import annotations

from pathlib import Path

import pytest

from inception.probe.network import (
    parse_default_link,
    parse_destinations,
    parse_resolvers,
    read_destinations,
    read_mtu,
    read_resolvers,
)

FIB_TRIE = """\
Main:
  +-- 0.0.0.0/0 3 0 4
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 127.0.0.0/8 2 0 2
        +-- 127.0.0.0/31 1 0 0
           |-- 127.0.0.0
              /8 host LOCAL
           |-- 127.0.0.1
              /32 host LOCAL
        |-- 127.255.255.255
           /32 link BROADCAST
     +-- 10.8.0.0/13 2 0 2
        |-- 10.8.0.0
           /16 universe UNREACHABLE
           /24 universe UNICAST
        |-- 10.12.0.1
           /32 universe BLACKHOLE
     +-- 172.17.0.0/16 2 0 2
        +-- 172.17.0.0/31 1 0 0
           |-- 172.17.0.0
              /16 link UNICAST
           |-- 172.17.0.1
              /32 host LOCAL
        |-- 172.17.255.255
           /32 link BROADCAST
Local:
     |-- 192.0.2.2
        /32 host LOCAL
     |-- 192.0.2.255
        /32 link BROADCAST
"""

ROUTE = """\
Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
wlan0	00000000	0101A8C0	0003	0	0	600	00000000	0	0	0
eth0	00000000	010200C0	0003	0	0	100	00000000	0	0	0
docker0	000011AC	00000000	0001	0	0	0	0000FFFF	0	0	0
tun0	00000000	00000000	0001	0	0	0	00000080	0	0	0
"""


def test_destinations_are_routes_of_every_kind_and_own_addresses() -> None:
    assert parse_destinations(FIB_TRIE) == ("10.8.0.0/16", "10.12.0.1/32", "172.17.0.0/16", "192.0.2.2/32")


def test_destinations_leave_out_default_route_and_loopback() -> None:
    table = "|-- 0.0.0.0\n /0 universe UNICAST\n|-- 127.0.0.1\n /32 host LOCAL\n"
    assert parse_destinations(table) == ()


def test_destinations_inside_one_another_are_named_once_in_any_order() -> None:
    table = "|-- 10.1.2.0\n /24 link UNICAST\n|-- 10.0.0.0\n /8 universe UNICAST\n|-- 10.1.2.3\n /32 host LOCAL\n"
    assert parse_destinations(table) == ("10.0.0.0/8",)


def test_default_link_is_that_of_the_least_metric() -> None:
    assert parse_default_link(ROUTE) == "eth0"


def test_a_route_to_half_of_all_addresses_is_not_a_default_route() -> None:
    header, *lines = ROUTE.splitlines()
    assert parse_default_link("\n".join([header, lines[-1]])) is None


def test_no_default_route() -> None:
    assert parse_default_link(ROUTE.splitlines()[0]) is None


@pytest.mark.parametrize(
    ("text", "resolvers"),
    [
        ("nameserver 192.0.2.53\nnameserver 2001:db8::53\n", ("192.0.2.53", "2001:db8::53")),
        ("# nameserver 192.0.2.1\nsearch nameserver 192.0.2.2\noptions ndots:2\n", ()),
        ("nameserver\t192.0.2.53   \n nameserver 192.0.2.54\n", ("192.0.2.53",)),
        ("nameserver fe80::1%eth0\n", ("fe80::1",)),
        ("nameserver nonsense\nnameserver\nnameserver 192.0.2.53", ("192.0.2.53",)),
    ],
)
def test_resolvers(text: str, resolvers: tuple[str, ...]) -> None:
    assert parse_resolvers(text) == resolvers


def _root(directory: Path, resolv_conf: str | None, behind: str | None) -> Path:
    for name, text in (("etc/resolv.conf", resolv_conf), ("run/systemd/resolve/resolv.conf", behind)):
        if text is not None:
            (directory / name).parent.mkdir(parents=True)
            (directory / name).write_text(text)
    return directory


def test_resolvers_are_those_that_systemd_resolved_forwards_to(tmp_path: Path) -> None:
    root = _root(tmp_path, "nameserver 127.0.0.53\n", "nameserver 192.0.2.53\n")
    assert read_resolvers(root) == ("192.0.2.53",)


def test_a_loopback_resolver_without_upstreams_is_kept(tmp_path: Path) -> None:
    assert read_resolvers(_root(tmp_path, "nameserver 127.0.0.1\n", None)) == ("127.0.0.1",)


def test_a_resolver_outside_loopback_is_kept(tmp_path: Path) -> None:
    root = _root(tmp_path, "nameserver 192.0.2.1\nnameserver 127.0.0.1\n", "nameserver 192.0.2.53\n")
    assert read_resolvers(root) == ("192.0.2.1", "127.0.0.1")


def test_no_resolv_conf(tmp_path: Path) -> None:
    assert read_resolvers(tmp_path) == ()


def test_destinations_are_those_of_both_network_namespaces(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "fib_trie").write_text("|-- 203.0.113.0\n /24 link UNICAST\n")
    routed = read_destinations(tmp_path)
    assert "203.0.113.0/24" in routed
    assert set(routed) - {"203.0.113.0/24"} == set(read_destinations(Path("/proc/self")))


def test_mtu_of_this_machine_is_that_of_its_link() -> None:
    link = parse_default_link(Path("/proc/self/net/route").read_text())
    expected = int(Path(f"/sys/class/net/{link}/mtu").read_text()) if link else 1500
    assert read_mtu(Path("/proc/self")) == expected
