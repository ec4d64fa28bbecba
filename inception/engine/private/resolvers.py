"""Which list of name servers the private engine's daemons read."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

from inception.probe.network import parse_resolvers

_LIST = Path("etc/resolv.conf")
_BEHIND = Path("run/systemd/resolve/resolv.conf")
"""systemd-resolved listens on a loopback address of the host, and lists here whom it asks itself."""


def reachable_list(root: Path) -> Path | None:
    """The list to read in place of the host's /etc/resolv.conf, if that leads to the host's own loopback alone.

    In a network namespace of one's own, loopback is another. `root` is the host's file system.
    """
    resolvers = _resolvers(root / _LIST)
    if resolvers and all(ip_address(resolver).is_loopback for resolver in resolvers) and _resolvers(root / _BEHIND):
        return root / _BEHIND
    return None


def _resolvers(path: Path) -> tuple[str, ...]:
    try:
        return parse_resolvers(path.read_text())
    except OSError:
        return ()
