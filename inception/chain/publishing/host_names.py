"""Names and addresses of published engines: those that a certificate lists, and the one that clients use."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import IPv6Address, ip_address
from itertools import chain
from pathlib import Path

from inception.errors import UsageError
from inception.plan.formats.address import is_address

_LEAF = re.compile(r"\|-- (\S+)")
_LOCAL = "/32 host LOCAL"
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?"
_DNS_NAME = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")
# Connecting a datagram socket sends nothing: it only chooses the route, and so the source (udp(7)). The addresses are
# those that RFC 5737 and RFC 3849 reserve for documentation; only a default route leads there.
_FAR = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
_ANY_PORT = 9


def check_name(text: str) -> str:
    """Return `text`, a DNS name or an IP address. Raises UsageError if it is neither."""
    if is_address(text) or _DNS_NAME.fullmatch(text):
        return text
    raise UsageError(f"{text!r} is neither a name nor an address", remedy="write it like vm.example.org or 192.0.2.7")


def names_of(address: str) -> tuple[str, ...]:
    """Return the names and addresses of a server that listens on `address`.

    For a wildcard address these are all addresses of this host's interfaces, its host name and its full name.
    """
    if not ip_address(address).is_unspecified:
        return (address, "localhost")
    addresses = sorted(_ipv4_addresses(), key=ip_address)
    if isinstance(ip_address(address), IPv6Address):
        addresses += sorted(_ipv6_addresses(), key=ip_address)
    names = (it for it in ("localhost", socket.gethostname(), socket.getfqdn()) if _DNS_NAME.fullmatch(it))
    return tuple(dict.fromkeys((*addresses, *names)))


def client_address(address: str) -> str:
    """Return the address at which clients reach a server on `address`.

    For a wildcard it is this host's source on its default route; without one, any that is not loopback.
    """
    wildcard = ip_address(address)
    if not wildcard.is_unspecified:
        return address
    families = (socket.AF_INET6, socket.AF_INET) if isinstance(wildcard, IPv6Address) else (socket.AF_INET,)
    others = (it for it in _ipv4_addresses() if not ip_address(it).is_loopback)
    return next(chain(filter(None, map(_usual_source, families)), others), "127.0.0.1")


def parse_fib_trie(table: str) -> tuple[str, ...]:
    """Return this host's IPv4 addresses in `/proc/net/fib_trie`."""
    found = []
    leaf = ""
    for line in table.splitlines():
        if address := _LEAF.search(line):
            leaf = address[1]
        elif _LOCAL in line:
            found.append(leaf)
    return tuple(dict.fromkeys(found))


def parse_if_inet6(table: str) -> tuple[str, ...]:
    """Return this host's IPv6 addresses in `/proc/net/if_inet6`, without zones."""
    lines = (line.split()[0] for line in table.splitlines())
    return tuple(dict.fromkeys(str(IPv6Address(bytes.fromhex(digits))) for digits in lines))


def _ipv4_addresses() -> Iterable[str]:
    return parse_fib_trie(Path("/proc/net/fib_trie").read_text(encoding="ascii"))


def _ipv6_addresses() -> Iterable[str]:
    try:
        return parse_if_inet6(Path("/proc/net/if_inet6").read_text(encoding="ascii"))
    except FileNotFoundError:  # The kernel has no IPv6.
        return ()


def _usual_source(family: socket.AddressFamily) -> str | None:
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((_FAR[family], _ANY_PORT))
        source = str(probe.getsockname()[0])
        return None if "%" in source else source
    return None
