"""Read routes, MTU and resolvers, as the engine's network namespace has them."""

from __future__ import annotations

import fcntl
import re
import socket
import struct
from collections.abc import Callable
from ipaddress import IPv4Network, ip_address
from pathlib import Path
from typing import TypeVar

from inception.plan.formats.address import is_address
from inception.probe.namespaces import in_namespace_of

T = TypeVar("T")

USUAL_MTU = 1500
"""Bytes: MTU assumed for a host without a default route."""

_SIOCGIFMTU = 0x8921
_LEAF = re.compile(r"\|-- (\S+)")
_DESTINATION = re.compile(r"/(\d+) \w+ (?:UNICAST|LOCAL|BLACKHOLE|UNREACHABLE|PROHIBIT|THROW)")
_LOOPBACK = IPv4Network("127.0.0.0/8")


def parse_destinations(fib_trie: str) -> tuple[str, ...]:
    """Return the destinations (CIDR) in `/proc/net/fib_trie`: routes of all tables and this host's addresses.

    Those inside another are left out, and so are the default route and loopback.
    """
    found: set[IPv4Network] = set()
    leaf = ""
    for line in fib_trie.splitlines():
        if address := _LEAF.search(line):
            leaf = address[1]
        elif prefix := _DESTINATION.search(line):
            found.add(IPv4Network(f"{leaf}/{prefix[1]}"))
    routed = sorted(network for network in found if network.prefixlen and not network.overlaps(_LOOPBACK))
    return tuple(
        str(network) for network in routed if not any(network != wider and network.subnet_of(wider) for wider in routed)
    )


def parse_default_link(route: str) -> str | None:
    """Return the link of the default route with the least metric in `/proc/net/route`, or None."""
    defaults = []
    for line in route.splitlines()[1:]:
        link, destination, _gateway, _flags, _references, _use, metric, mask, *_ = line.split()
        if int(destination, 16) == int(mask, 16) == 0:
            defaults.append((int(metric), link))
    return min(defaults)[1] if defaults else None


def parse_resolvers(resolv_conf: str) -> tuple[str, ...]:
    """Return the addresses of the name servers in a resolv.conf, without IPv6 zones."""
    lines = re.findall(r"^nameserver[ \t]+([^\s%]+)", resolv_conf, re.MULTILINE)
    return tuple(address for address in lines if is_address(address))


def read_destinations(process: Path) -> tuple[str, ...]:
    """Return the destinations (CIDR) of a process's network namespace, and of this process's own.

    `process` is its directory in /proc. If the engine has a namespace of its own, its packets pass this one too.
    """
    tables = (place / "net" / "fib_trie" for place in (process, Path("/proc/self")))
    return parse_destinations("".join(table.read_text() for table in tables))


def read_mtu(process: Path) -> int:
    """Return the bytes of the largest packet that leaves the engine's machine unfragmented.

    `process` is the engine's directory in /proc. Packets of its network namespace may leave through this one: the
    smaller MTU counts.
    """
    ways = (_default_link_mtu(), in_network_of(process, _default_link_mtu))
    return min((mtu for mtu in ways if mtu is not None), default=USUAL_MTU)


def in_network_of(process: Path, read: Callable[[], T]) -> T:
    """Call `read` in the network namespace of a process (its directory in /proc); return its result.

    Without the right to enter it, `read` is called in this process's: most engines are in the host's, too.
    """
    return in_namespace_of(process, "net", read)


def _default_link_mtu() -> int | None:
    # The thread's own namespace: `/proc/net` would show that of the main thread.
    link = parse_default_link(Path("/proc/thread-self/net/route").read_text(encoding="ascii"))
    if link is None:
        return None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        answer = fcntl.ioctl(any_socket, _SIOCGIFMTU, struct.pack("16si12x", link.encode(), 0))
    mtu: int = struct.unpack("16si12x", answer)[1]
    return mtu


def read_resolvers(root: Path) -> tuple[str, ...]:
    """Return the resolvers of the file system at `root`, in the order of their use.

    If all are loopback addresses, which no container can reach, they are those that systemd-resolved forwards to, if it
    lists any.
    """
    resolvers = _resolvers_of(root / "etc" / "resolv.conf")
    if all(ip_address(resolver).is_loopback for resolver in resolvers):
        return _resolvers_of(root / "run" / "systemd" / "resolve" / "resolv.conf") or resolvers
    return resolvers


def _resolvers_of(path: Path) -> tuple[str, ...]:
    try:
        return parse_resolvers(path.read_text())
    except OSError:
        return ()
