"""Tell IP addresses from other text."""

from __future__ import annotations

from ipaddress import ip_address


def is_address(text: str) -> bool:
    """Return whether `text` is an IPv4 or IPv6 address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
