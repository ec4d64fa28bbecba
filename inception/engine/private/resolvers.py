"""Choose the resolv.conf of the private engine's daemons."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

from inception.probe.network import parse_resolvers

_RESOLV_CONF = Path("etc/resolv.conf")
_UPSTREAM = Path("run/systemd/resolve/resolv.conf")
"""List of the upstream name servers of systemd-resolved, which itself listens on a loopback address of the host."""


def reachable_list(root: Path) -> Path | None:
    """Return the file to use instead of the host's /etc/resolv.conf if that has loopback addresses alone, or None.

    Another network namespace has another loopback. `root` is the host's file system.
    """
    resolvers = _resolvers(root / _RESOLV_CONF)
    if resolvers and all(ip_address(resolver).is_loopback for resolver in resolvers) and _resolvers(root / _UPSTREAM):
        return root / _UPSTREAM
    return None


def _resolvers(path: Path) -> tuple[str, ...]:
    try:
        return parse_resolvers(path.read_text())
    except OSError:
        return ()
